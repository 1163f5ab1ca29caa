import { mkdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { basename, join, resolve } from 'node:path';
import { hasCode, hasRaisedRights } from './lib/os/index.ts';
import { findTool, linkNames, type ToolEntry, tools } from './tools.ts';

/**
 * Which tool, by the name that the program was invoked under, else by the first argument. argv[1] is that name in the
 * single binary and the unresolved symlink when an npm bin link runs; in both the user's words start at argv[2].
 */
function pick(argv: readonly string[]): { tool: ToolEntry | undefined; name: string; args: readonly string[] } {
  const invoked = argv[1] ?? '';
  const self = basename(invoked).replace(/^-/, '');
  const byName = linkNames.includes(self) ? findTool(self) : undefined;
  if (byName) return { tool: byName, name: invoked, args: argv.slice(2) };
  const word = argv[2] ?? '';
  const tool = findTool(word);
  return { tool, name: tool?.name ?? word, args: argv.slice(3) };
}

const FAILED = 1;

/** The one tool that is made to have more rights than its caller, who chooses the name and so would choose any tool. */
const RAISED_TOOL = 'uml_net';

const raised = hasRaisedRights();

async function run(argv: readonly string[]): Promise<number> {
  const { tool, name, args } = pick(argv);
  if (raised && tool?.name !== RAISED_TOOL) {
    process.stderr.write(`uml: a copy with capabilities of its own runs ${RAISED_TOOL} only\n`);
    return FAILED;
  }
  if (tool) {
    nameProcess(tool.unlinked ? 'uml' : tool.name);
    return (await tool.load()).main(args, name);
  }
  if (name === '--list') {
    for (const entry of tools) process.stdout.write(`${entry.name}\n`);
    return 0;
  }
  if (name === '--install') return install(args[0]);
  const help = `usage: uml TOOL [ARGUMENTS]\n       uml --install DIR | --list\n\n${tools
    .map((entry) => `  ${entry.name.padEnd(14)} ${entry.summary}\n`)
    .join('')}`;
  if (name === '--help' || name === 'help') {
    process.stdout.write(help);
    return 0;
  }
  process.stderr.write(name === '' ? help : `uml: no tool is called '${name}'; uml --list lists them\n`);
  return 2;
}

/** Gives the process the name by which killall, pgrep and ps -C find the C tool; Node's is MainThread. */
function nameProcess(name: string): void {
  try {
    writeFileSync('/proc/self/comm', name);
  } catch {
    // no /proc, as in a jail: it goes by Node's name
  }
}

/** Makes a link a tool in a directory, to this binary or script. */
function install(directory: string | undefined): number {
  if (directory === undefined) {
    process.stderr.write('uml: --install needs the directory that the links go into\n');
    return 2;
  }
  const target = basename(process.execPath) === 'node' ? resolve(process.argv[1] ?? '') : process.execPath;
  if (target.endsWith('.ts')) {
    process.stderr.write('uml: --install needs a built program: npm run build, then dist/bin/uml --install DIR\n');
    return 2;
  }
  mkdirSync(directory, { recursive: true });
  for (const name of linkNames) {
    const link = join(directory, name);
    rmSync(link, { force: true });
    symlinkSync(target, link);
    process.stdout.write(`${link}\n`);
  }
  return 0;
}

/** How a shell shows the end by SIGPIPE, which C programs meet when their reader has left and Node ignores. */
const READER_LEFT = 141;

/** What no tool caught: one line, never a stack trace. */
function fail(error: unknown): never {
  if (hasCode(error, 'EPIPE')) process.exit(READER_LEFT);
  process.stderr.write(`uml: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exit(FAILED);
}

process.on('uncaughtException', fail);
run(process.argv).then((status) => {
  process.exitCode = status;
  if (raised) process.exit(); // before the event loop listens to descriptors that the environment names (NODE_CHANNEL_FD)
}, fail);
