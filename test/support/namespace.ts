import { type Child, runProgram, spawnProgram } from './run.ts';

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

/** A network namespace with a name, in which /sys shows its own devices. It stays until it is removed. */
export interface NamedNamespace {
  /** Runs a command inside, which must succeed: what it printed. */
  run(...command: string[]): Promise<string>;
  /** Starts a module of ours inside. */
  spawn(...words: string[]): Child;
  remove(): Promise<void>;
}

/** Makes one, of a name that no other test process takes. */
export async function namedNamespace(prefix: string): Promise<NamedNamespace> {
  const name = `${prefix}${process.pid}`;
  const tsx = import.meta.resolve('tsx');
  const enter = ['netns', 'exec', name];
  const ip = async (...words: string[]): Promise<string> => {
    const { status, stdout, stderr } = await runProgram('ip', words);
    if (status !== 0) throw new Error(`ip ${words.join(' ')}: ${stderr}`);
    return stdout;
  };
  await ip('netns', 'add', name);
  return {
    run: (...command) => ip(...enter, ...command),
    spawn: (...words) => spawnProgram('ip', [...enter, process.execPath, '--import', tsx, ...words]),
    remove: async () => void (await ip('netns', 'del', name)),
  };
}
