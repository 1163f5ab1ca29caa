import { spawnProgram } from './run.ts';

/** A network namespace of the test's own. It has no name and goes with the test, however that ends. */
export interface NetworkNamespace {
  /** A process inside. */
  readonly pid: number;
  /** The words that run a program inside. */
  inside(...command: string[]): [string, ...string[]];
}

/** Makes an empty network namespace, kept by a process that ends with the test file. */
export async function networkNamespace(): Promise<NetworkNamespace> {
  const keeper = spawnProgram('unshare', ['--net', 'sh', '-c', 'echo ready; exec cat']);
  await keeper.waitFor('ready');
  return { pid: keeper.pid, inside: (...command) => ['nsenter', `--net=/proc/${keeper.pid}/ns/net`, ...command] };
}
