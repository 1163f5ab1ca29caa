// SPDX-License-Identifier: GPL-2.0-or-later

import type { Progress } from './guest.ts';

/** Shortest time between two redraws for the same step. */
const REDRAW_MS = 100;

/** Shows progress on one line of a terminal that is overwritten; shows nothing elsewhere. */
export function progressLine(stream: NodeJS.WriteStream): { show: (progress: Progress) => void; clear: () => void } {
  if (!stream.isTTY) return { show: () => {}, clear: () => {} };
  let last = { doing: '', time: 0 };
  return {
    show({ doing, share }) {
      const now = Date.now();
      if (doing === last.doing && now - last.time < REDRAW_MS) return;
      last = { doing, time: now };
      const percent = share === undefined ? '' : ` ${Math.floor(share * 100)}%`;
      stream.write(`\r\x1b[K${doing}${percent}`.slice(0, stream.columns + 4));
    },
    clear() {
      stream.write('\r\x1b[K');
    },
  };
}
