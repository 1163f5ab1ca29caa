/** Our own `linux` as a fixture: an instance on the demo root file system, with a shell. */
import { join } from 'node:path';
import { GuestShell } from '../../scripts/support/guest-shell.ts';
import { findDemoRoot } from '../../src/emulator/guest/index.ts';
import type { NetworkNamespace } from './namespace.ts';
import { type Child, spawnProgram, temporaryDirectory, toolCommand } from './run.ts';

export interface OurUmlOptions {
  /** More words for the command line. */
  args?: readonly string[];
  /** Default: `ubda=` a fresh COW file over the demo root. */
  ubda?: string;
  umid?: string;
  mem?: string;
  /** Home and working directory, default a fresh one; removed at the end of the test file. */
  home?: string;
  env?: Record<string, string | undefined>;
  /** Where it runs. */
  namespace?: NetworkNamespace;
}

export interface OurUml {
  readonly child: Child;
  readonly umid: string;
  readonly home: string;
  /** `<home>/.uml/<umid>/mconsole`. */
  readonly socket: string;
  /** The COW file of its root. */
  readonly cow: string;
  readonly shell: GuestShell;
  /** Runs a command in the guest. */
  command(line: string): Promise<string>;
  /** Powers it off in an orderly way and waits for its end. */
  powerOff(): Promise<void>;
}

let instances = 0;

/** The demo root file system, which `npm run guest` has built. */
export function demoRoot(): string {
  const root = findDemoRoot();
  if (root === undefined) throw new Error('there is no guest yet: npm run guest');
  return root;
}

/** Starts an instance without waiting for anything; killed at the end of the test file. */
export function spawnOurUml(options: OurUmlOptions = {}): OurUml {
  const home = options.home ?? temporaryDirectory();
  const umid = options.umid ?? `our${++instances}`;
  const cow = join(home, `${umid}.cow`);
  const words = [
    `mem=${options.mem ?? '64M'}`,
    `ubda=${options.ubda ?? `${cow},${demoRoot()}`}`,
    `umid=${umid}`,
    ...['con=null', 'ssl=null', 'con0=fd:0,fd:1'],
    ...(options.args ?? []),
  ];
  // HOME is where umid directories go; the guest kernel stays where it was built.
  const cache = process.env.XDG_CACHE_HOME ?? join(process.env.HOME ?? '/', '.cache');
  const command = toolCommand('linux', words);
  const [file, ...rest] = options.namespace?.inside(...command) ?? command;
  const child = spawnProgram(file, rest, {
    cwd: home,
    env: { XDG_CACHE_HOME: cache, ...options.env, HOME: home },
    timeout: 150_000,
  });
  const shell = new GuestShell(child);
  return {
    child,
    umid,
    home,
    socket: join(home, '.uml', umid, 'mconsole'),
    cow,
    shell,
    command: (line) => shell.run(line),
    async powerOff() {
      shell.type('poweroff');
      await child.exit();
    },
  };
}

/** Boots an instance and logs in. */
export async function startOurUml(options: OurUmlOptions = {}): Promise<OurUml> {
  const uml = spawnOurUml(options);
  await uml.shell.login();
  return uml;
}
