import { CommandLineError } from './error.ts';
import { CONSOLE_COUNT, MACHINE_SERIAL_LINES } from './line.ts';
import type { NicConfig } from './nic.ts';
import { DEFAULT_ROOT, type UbdConfig } from './ubd.ts';
import { type Draft, emptyDraft, takeWord } from './words.ts';

const MIB = 1024 * 1024;
/** Less than this and the guest kernel dies before it can say why. */
const MINIMUM_MEMORY = 16 * MIB;
/** The processor's memory ends 128 KiB below 2 GiB; whole megabytes are what a user can ask for. */
const MAXIMUM_MEMORY = 2047 * MIB;
/** COMMAND_LINE_SIZE of arch/x86, with its NUL. */
const COMMAND_LINE_SIZE = 2048;
const DEFAULT_CONSOLE = 'fd:0,fd:1';
const DEFAULT_CHANNEL = 'pts';

/** A message about the command line. UML prints some itself; the others go into the guest kernel's log. */
export interface Warning {
  readonly to: 'stdout' | 'stderr' | 'log';
  readonly text: string;
}

export interface XtermConfig {
  readonly emulator: string;
  readonly titleSwitch: string;
  readonly execSwitch: string;
}

export interface HostfsConfig {
  /** Empty: mounts are not confined. */
  readonly root: string;
  readonly append: boolean;
}

/** What a command line of `linux` says. */
export interface CommandLine {
  readonly action: 'boot' | 'help' | 'version' | 'showconfig';
  /** Bytes. */
  readonly memory: number;
  /** By unit. Unit 0 is always there. */
  readonly disks: ReadonlyMap<number, UbdConfig>;
  /** Whether unit 0 is `root_fs` only because no word named another. */
  readonly defaultRoot: boolean;
  /** `ubd=sync`: every disk as if it had the flag `s`. */
  readonly ubdSync: boolean;
  readonly nics: readonly NicConfig[];
  /** The channel of each console, not looked into yet. */
  readonly consoles: readonly string[];
  /** The channel of each serial line. */
  readonly serialLines: readonly string[];
  /** False after `ssl-non-raw`. */
  readonly serialRaw: boolean;
  /** Undefined: a random one. */
  readonly umid: string | undefined;
  readonly umlDirectory: string | undefined;
  readonly notifySocket: string | undefined;
  readonly guestKernel: string | undefined;
  readonly initrd: string | undefined;
  /** The `root=` argument, `98:0` unless given. */
  readonly root: string;
  /** The `init=` argument. */
  readonly init: string | undefined;
  readonly noReboot: boolean;
  readonly quiet: boolean;
  readonly xterm: XtermConfig;
  readonly hostfs: HostfsConfig;
  /** The words of the kernel command line, with UML's defaults. */
  readonly kernelArguments: readonly string[];
  readonly warnings: readonly Warning[];
}

/**
 * Reads the command line of `linux` (argv without the program's name) by UML's rules, spec 13: its own words are found
 * by their beginning, a few of them do not reach the kernel's command line, `root=98:0` and `console=tty0` are added
 * where no such word is. A wrong device word is a warning, as it is in UML.
 * @throws CommandLineError for memory that can't be had, or more words than the kernel takes
 */
export function parseCommandLine(argv: readonly string[]): CommandLine {
  const draft = emptyDraft();
  const kernelArguments: string[] = [];
  for (const [index, word] of argv.entries()) {
    if (index === 0 && word.startsWith(' ')) continue; // UML marks its own re-exec this way
    if (takeWord(word, draft)) kernelArguments.push(word);
    if (draft.action !== 'boot') return finish(draft, kernelArguments);
  }
  if (!draft.haveRoot) kernelArguments.push(`root=${draft.root}`);
  if (!draft.haveConsole) kernelArguments.push('console=tty0');
  checkMemory(draft.memory);
  if (Buffer.byteLength(kernelArguments.join(' ')) >= COMMAND_LINE_SIZE) {
    throw new CommandLineError('too-long', 'add_arg: Too many command line arguments!');
  }
  return finish(draft, kernelArguments);
}

function finish(draft: Draft, kernelArguments: readonly string[]): CommandLine {
  const { consoleWords, serialWords, haveRoot: _, haveConsole: __, ...line } = draft;
  if (!line.disks.has(0)) {
    line.disks.set(0, DEFAULT_ROOT);
    line.defaultRoot = true;
  }
  const consoles = Array.from({ length: CONSOLE_COUNT }, (_, unit) => {
    const fallback = unit === 0 ? DEFAULT_CONSOLE : DEFAULT_CHANNEL;
    return consoleWords.get(unit) ?? consoleWords.get(undefined) ?? fallback;
  });
  const serialLines = Array.from(
    { length: MACHINE_SERIAL_LINES },
    (_, unit) => serialWords.get(unit) ?? serialWords.get(undefined) ?? DEFAULT_CHANNEL,
  );
  return { ...line, consoles, serialLines, kernelArguments };
}

function checkMemory(memory: number): void {
  if (memory < MINIMUM_MEMORY) {
    const text = `Too few physical memory! Needed=${MINIMUM_MEMORY}, given=${memory}`;
    throw new CommandLineError('too-little-memory', text);
  }
  if (memory > MAXIMUM_MEMORY) {
    const text = `Too much physical memory! Possible=${MAXIMUM_MEMORY}, given=${memory}`;
    throw new CommandLineError('too-much-memory', text);
  }
}
