/** Quick work shows nothing. */
const DELAY_MS = 500;
const INTERVAL_MS = 100;
const WIDTH = 30;

export interface ProgressBar {
  /** Takes how far the work is, as the libraries tell it. */
  update(done: number, total: number): void;
  /** Wipes the bar away. */
  end(): void;
}

/**
 * A bar on standard error while long work goes on, if that is a terminal; else nothing.
 * @param delay ms after which it appears
 */
export function progressBar(delay = DELAY_MS): ProgressBar {
  const { stderr } = process;
  if (!stderr.isTTY) return { update: () => {}, end: () => {} };
  let next = performance.now() + delay;
  let isShown = false;
  return {
    update(done, total) {
      const now = performance.now();
      if (now < next) return;
      next = now + INTERVAL_MS;
      isShown = true;
      const part = total === 0 ? 1 : done / total;
      const filled = Math.round(part * WIDTH);
      stderr.write(
        `\r[${'#'.repeat(filled)}${' '.repeat(WIDTH - filled)}] ${String(Math.floor(part * 100)).padStart(3)} %`,
      );
    },
    end() {
      if (isShown) stderr.write('\r\x1b[K');
      isShown = false;
    },
  };
}
