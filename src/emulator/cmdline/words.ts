import { DeviceError } from './error.ts';
import { CONSOLE_COUNT, MACHINE_SERIAL_LINES, parseLine, SERIAL_LINE_COUNT } from './line.ts';
import { type NicConfig, type NicWord, parseEth, parseVec } from './nic.ts';
import { parseSize } from './number.ts';
import type { CommandLine, Warning } from './parse.ts';
import { parseUbd, type UbdConfig } from './ubd.ts';

const DEFAULT_MEMORY = 64 * 1024 * 1024;
const UMID_MAX = 63;

/** A command line while its words are read. Lines are kept by their number; undefined is the word for all lines. */
export type Draft = { -readonly [K in keyof CommandLine]: CommandLine[K] } & {
  disks: Map<number, UbdConfig>;
  nics: NicConfig[];
  consoleWords: Map<number | undefined, string>;
  serialWords: Map<number | undefined, string>;
  warnings: Warning[];
  haveRoot: boolean;
  haveConsole: boolean;
};

/** What holds where no word says otherwise. */
export function emptyDraft(): Draft {
  return {
    action: 'boot',
    memory: DEFAULT_MEMORY,
    disks: new Map(),
    defaultRoot: false,
    ubdSync: false,
    nics: [],
    consoles: [],
    serialLines: [],
    consoleWords: new Map(),
    serialWords: new Map(),
    serialRaw: true,
    umid: undefined,
    umlDirectory: undefined,
    notifySocket: undefined,
    guestKernel: undefined,
    initrd: undefined,
    root: '98:0',
    init: undefined,
    noReboot: false,
    quiet: false,
    xterm: { emulator: 'xterm', titleSwitch: '-T', execSwitch: '-e' },
    hostfs: { root: '', append: false },
    kernelArguments: [],
    warnings: [],
    haveRoot: false,
    haveConsole: false,
  };
}

interface Handler {
  /** How the word begins. */
  readonly key: string;
  /** Takes in what follows the key. Whether the word is left on the kernel's command line. */
  readonly take: (rest: string, draft: Draft) => boolean;
}

/** Takes one word in. Whether it is left on the kernel's command line, as all are that nobody here knows. */
export function takeWord(word: string, draft: Draft): boolean {
  const handler = HANDLERS.find(({ key }) => word.startsWith(key));
  return handler ? handler.take(word.slice(handler.key.length), draft) : true;
}

/** A word that the kernel sees too. */
function kept(key: string, take: (rest: string, draft: Draft) => void): Handler {
  return {
    key,
    take(rest, draft) {
      take(rest, draft);
      return true;
    },
  };
}

/** The words of UML, longer keys before those that they begin with. */
const HANDLERS: readonly Handler[] = [
  kept('--help', (_, draft) => {
    draft.action = 'help';
  }),
  kept('--version', (_, draft) => {
    draft.action = 'version';
  }),
  kept('--showconfig', (_, draft) => {
    draft.action = 'showconfig';
  }),
  kept('mem=', (size, draft) => {
    draft.memory = parseSize(size);
  }),
  kept('root=', (root, draft) => {
    draft.haveRoot = true;
    draft.root = root;
  }),
  kept('init=', (init, draft) => {
    draft.init = init;
  }),
  kept('console=', (_, draft) => {
    draft.haveConsole = true;
  }),
  kept('consoleblank=', () => {}),
  kept('initrd=', (file, draft) => {
    draft.initrd = file;
  }),
  { key: 'kernel=', take: takeKernel },
  { key: 'umid=', take: takeUmid },
  { key: 'xterm=', take: takeXterm },
  kept('uml_dir=', takeUmlDirectory),
  kept('mconsole=', takeMconsole),
  kept('hostfs=', takeHostfs),
  kept('debug', (_, draft) => {
    const text = "'debug' is not necessary to gdb UML in skas mode - run\n'gdb linux'";
    draft.warnings.push({ to: 'stdout', text });
  }),
  kept('noreboot', (_, draft) => {
    draft.noReboot = true;
  }),
  kept('quiet', (_, draft) => {
    draft.quiet = true;
  }),
  kept('fake_ide', (_, draft) => log(draft, 'The fake_ide option has been removed')),
  kept('ubd', takeUbd),
  kept('udb', (rest, draft) => {
    log(draft, `udb${rest} specified on command line is almost certainly a ubd -> udb TYPO`);
  }),
  kept('con', (rest, draft) => takeLine('con', rest, draft)),
  kept('ssl-non-raw', (_, draft) => {
    draft.serialRaw = false;
  }),
  kept('ssl', (rest, draft) => takeLine('ssl', rest, draft)),
  kept('eth', (rest, draft) => takeNic('eth', rest, draft)),
  kept('vec', (rest, draft) => takeNic('vec', rest, draft)),
];

function log(draft: Draft, text: string): void {
  draft.warnings.push({ to: 'log', text });
}

function takeKernel(file: string, draft: Draft): boolean {
  draft.guestKernel = file;
  return false;
}

function takeUmid(name: string, draft: Draft): boolean {
  if (draft.umid !== undefined) {
    draft.warnings.push({ to: 'stderr', text: 'umid already set' });
    return true;
  }
  if (Buffer.byteLength(name) <= UMID_MAX) draft.umid = name;
  else {
    const text = `umid "${name}" is longer than ${UMID_MAX} characters, a random one is used`;
    draft.warnings.push({ to: 'stderr', text });
  }
  return false;
}

function takeUmlDirectory(directory: string, draft: Draft): void {
  if (directory !== '') draft.umlDirectory = directory;
  else draft.warnings.push({ to: 'stderr', text: "uml_dir can't be an empty string" });
}

function takeMconsole(option: string, draft: Draft): void {
  if (option.startsWith('notify:')) draft.notifySocket = option.slice('notify:'.length);
  else log(draft, `mconsole_setup : Unknown option - '${option}'`);
}

function takeXterm(option: string, draft: Draft): boolean {
  const [emulator, titleSwitch, execSwitch] = option.split(',');
  draft.xterm = {
    emulator: emulator || draft.xterm.emulator,
    titleSwitch: titleSwitch || draft.xterm.titleSwitch,
    execSwitch: execSwitch || draft.xterm.execSwitch,
  };
  return false;
}

function takeHostfs(option: string, draft: Draft): void {
  const [root, ...flags] = option.split(',');
  for (const flag of flags.filter((flag) => flag !== '' && flag !== 'append')) {
    draft.warnings.push({ to: 'stdout', text: `hostfs_args - unsupported option - ${flag}` });
  }
  draft.hostfs = { root: root || draft.hostfs.root, append: draft.hostfs.append || flags.includes('append') };
}

function takeUbd(text: string, draft: Draft): void {
  const word = attempt(() => parseUbd(text, (unit) => draft.disks.has(unit)));
  if (word instanceof DeviceError) log(draft, `Failed to initialize device with "${text}" : ${word.message}`);
  else if (word.kind === 'disk') draft.disks.set(word.disk.unit, word.disk);
  else if (word.kind === 'sync') draft.ubdSync = true;
  else if (word.kind === 'fake-major') log(draft, 'fake major not supported any more');
}

const LINES = {
  con: { name: 'console', count: CONSOLE_COUNT, words: 'consoleWords' },
  ssl: { name: 'serial line', count: SERIAL_LINE_COUNT, words: 'serialWords' },
} as const;

function takeLine(kind: keyof typeof LINES, text: string, draft: Draft): void {
  const { name, count, words } = LINES[kind];
  const word = attempt(() => parseLine(text, count));
  if (word instanceof DeviceError) {
    log(draft, `Failed to set up ${name} with configuration string "${text}" : ${word.message}`);
    return;
  }
  if (kind === 'ssl' && word.unit !== undefined && word.unit >= MACHINE_SERIAL_LINES) {
    log(draft, `ssl${word.unit} : this machine has the serial lines 0 to ${MACHINE_SERIAL_LINES - 1}`);
  }
  draft[words].set(word.unit, word.channel);
}

const NICS = {
  eth: { setup: 'eth_setup', parse: parseEth },
  vec: { setup: 'vector_setup', parse: parseVec },
} as const;

function takeNic(device: keyof typeof NICS, text: string, draft: Draft): void {
  const { setup, parse } = NICS[device];
  const inUse = (unit: number) => draft.nics.some((nic) => nic.device === device && nic.unit === unit);
  const word = attempt((): NicWord => parse(text, inUse));
  if (word instanceof DeviceError) {
    log(draft, `${setup} - Couldn't parse '${text}' : ${word.message}`);
    return;
  }
  draft.nics.push(word.nic);
  for (const note of word.notes) log(draft, note);
}

/** A parser's result, or the error that it threw about the user's word. */
function attempt<T>(parse: () => T): T | DeviceError {
  try {
    return parse();
  } catch (error) {
    if (error instanceof DeviceError) return error;
    throw error;
  }
}
