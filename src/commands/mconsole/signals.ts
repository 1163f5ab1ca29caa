const ENDING_SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/**
 * Does work that leaves something to clean up: a signal that would end the process ends the work by its AbortSignal,
 * and the process, by the same signal, when the work is over.
 */
export async function endedBySignals<T>(work: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const controller = new AbortController();
  let came: NodeJS.Signals | undefined;
  const onSignal = (name: NodeJS.Signals): void => {
    came = name;
    controller.abort();
  };
  for (const name of ENDING_SIGNALS) process.once(name, onSignal);
  try {
    return await work(controller.signal);
  } finally {
    for (const name of ENDING_SIGNALS) process.off(name, onSignal);
    if (came) process.kill(process.pid, came);
  }
}
