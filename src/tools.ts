/** What a tool's module exports. */
export interface Tool {
  /**
   * Runs the tool.
   * @param args the words after the tool's name
   * @param name the name that it was invoked under, as the C tools print it in their messages
   * @returns the exit status
   */
  main(args: readonly string[], name: string): number | Promise<number>;
}

export interface ToolEntry {
  name: string;
  /** Short names, accepted as the first argument of `uml` only. */
  aliases: readonly string[];
  summary: string;
  /** There is no program of this name: it is reached as `uml NAME` only, and gets no link. */
  unlinked?: true;
  load: () => Promise<Tool>;
}

/** Every tool of the binary, each loaded only when it is the one asked for. */
export const tools: readonly ToolEntry[] = [
  {
    name: 'cow',
    aliases: [],
    summary: 'look into COW files and change them',
    unlinked: true,
    load: () => import('./commands/cow.ts'),
  },
  {
    name: 'humfsify',
    aliases: [],
    summary: 'make a directory tree a humfs file system, and back',
    load: () => import('./commands/humfsify.ts'),
  },
  {
    name: 'jail_uml',
    aliases: [],
    summary: 'run a command, e.g. an instance, in a jail as an unprivileged user',
    load: () => import('./commands/jail_uml.ts'),
  },
  {
    name: 'jailtest',
    aliases: [],
    summary: 'try whether a process can reach the memory of its kernel',
    load: () => import('./commands/jailtest.ts'),
  },
  {
    name: 'linux',
    aliases: [],
    summary: 'boot a User Mode Linux instance on an emulated CPU',
    load: () => import('./commands/linux.ts'),
  },
  {
    name: 'playlog',
    aliases: ['playlog.pl'],
    summary: 'play a log of a tty as it was seen',
    load: () => import('./commands/playlog.ts'),
  },
  {
    name: 'port-helper',
    aliases: [],
    summary: 'hand a terminal to an instance; UML starts it',
    load: () => import('./commands/port-helper.ts'),
  },
  {
    name: 'switchctl',
    aliases: [],
    summary: 'ask and change a running switch through its console',
    unlinked: true,
    load: () => import('./commands/switchctl.ts'),
  },
  {
    name: 'ttylog',
    aliases: ['tty_log', 'tty_log.pl'],
    summary: 'print a log of ttys, or make an asciicast of it',
    unlinked: true,
    load: () => import('./commands/ttylog.ts'),
  },
  {
    name: 'tunctl',
    aliases: [],
    summary: 'create, delete and list persistent TUN/TAP devices',
    load: () => import('./commands/tunctl.ts'),
  },
  {
    name: 'uml_mconsole',
    aliases: ['mconsole'],
    summary: 'control a running instance through its management console',
    load: () => import('./commands/uml_mconsole.ts'),
  },
  {
    name: 'uml_mkcow',
    aliases: ['mkcow'],
    summary: 'create an empty COW file over a backing file',
    load: () => import('./commands/uml_mkcow.ts'),
  },
  {
    name: 'uml_mount',
    aliases: ['mount'],
    summary: 'mount the file system of an instance, where its kernel can',
    load: () => import('./commands/uml_mount.ts'),
  },
  {
    name: 'uml_moo',
    aliases: ['moo'],
    summary: 'merge a COW file with its backing file',
    load: () => import('./commands/uml_moo.ts'),
  },
  {
    name: 'uml_net',
    aliases: [],
    summary: "set up the host's side of a guest's network, as UML's kernel asks",
    load: () => import('./commands/uml_net.ts'),
  },
  {
    name: 'uml_switch',
    aliases: ['switch'],
    summary: 'virtual Ethernet switch or hub for instances and taps',
    load: () => import('./commands/uml_switch.ts'),
  },
  {
    name: 'uml_watchdog',
    aliases: ['watchdog'],
    summary: 'end or report an instance that hangs; UML starts it',
    load: () => import('./commands/uml_watchdog.ts'),
  },
];

/** The names that a link of makes the program a tool. */
export const linkNames: readonly string[] = tools.filter(({ unlinked }) => !unlinked).map(({ name }) => name);

/** The tool of this name or alias. */
export function findTool(name: string): ToolEntry | undefined {
  return tools.find((tool) => tool.name === name || tool.aliases.includes(name));
}
