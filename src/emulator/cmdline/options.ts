/** One word, or family of words, of the command line: the way it is written and what it does. */
export interface OptionHelp {
  readonly usage: string;
  /** Lines of text, without indentation. */
  readonly help: readonly string[];
}

/** Every option of `linux`, in the order of its help. The manual page is held to the same list by a test. */
export const OPTIONS: readonly OptionHelp[] = [
  {
    usage: '--showconfig',
    help: ['Prints the configuration that the guest kernel was built with.'],
  },
  {
    usage: 'mem=<size>[k|K|m|M|g|G]',
    help: [
      'The physical memory of the machine; 64M unless given, 2047M at most.',
      "It need not be there on the host: memory that the guest doesn't touch",
      'is not allocated.',
      '\tExample: mem=128M',
    ],
  },
  { usage: '--help', help: ['Prints this message.'] },
  {
    usage: 'console=<console>',
    help: ['Where the kernel writes its messages; tty0 unless given.'],
  },
  {
    usage: 'debug',
    help: ['Not needed to debug; the kernel becomes more talkative.'],
  },
  {
    usage: 'root=<root device>',
    help: [
      'The device with the root file system, as for any other kernel;',
      '98:0, which is ubda, unless given.',
      '\tExample: root=/dev/ubdf',
      'The processor is an i686. A root file system for amd64 is refused',
      'before the boot.',
    ],
  },
  { usage: '--version', help: ["Prints the guest kernel's version."] },
  {
    usage: 'umid=<name>',
    help: [
      'Names this instance, for its pid file and the socket of its management',
      'console. At most 63 characters; random unless given.',
    ],
  },
  {
    usage: 'uml_dir=<directory>',
    help: ['Where the directories of instances are; ~/.uml unless given.'],
  },
  {
    usage: 'mconsole=notify:<socket>',
    help: [
      'Sends the name of the management console socket, and later events,',
      'to this UNIX socket as soon as the instance can be managed.',
    ],
  },
  { usage: 'initrd=<file>', help: ['Boots with this initial RAM disk.'] },
  {
    usage: 'kernel=<file>',
    help: [
      'Boots this i386 kernel, a vmlinux or a bzImage, in place of the one',
      'that came with the program. So does $UML_GUEST_KERNEL.',
    ],
  },
  {
    usage: 'con[0-9]*=<channel>',
    help: [
      'Attaches a console, tty0 to tty15, to a channel on the host; without a',
      'number, every console that has none of its own. con0 is on fd:0,fd:1,',
      'the others on pts unless given. A channel is one of',
      '\tfd:<n>       an open descriptor of this process',
      '\tpts          a new pseudo-terminal, named in the log',
      '\tpty          the same: BSD pseudo-terminals are gone from hosts',
      '\ttty:<device> a terminal of the host',
      '\tnull         nothing: output is dropped, there is no input',
      '\tnone         no device at all',
      'or a pair of them, <input>,<output>.',
    ],
  },
  {
    usage: 'ssl[0-9]*=<channel>',
    help: ['The same for the serial lines, ttyS0 to ttyS15; pts unless given.'],
  },
  {
    usage: 'ssl-non-raw',
    help: ["Leaves the host's terminals of serial lines in cooked mode."],
  },
  {
    usage: 'eth[0-9]+=daemon,[<mac>],[<socket type>],[<control socket>]',
    help: [
      'A network interface on a port of uml_switch. An empty field has its',
      'default: a random address, unix, /tmp/uml.ctl.',
      '\tExample: eth0=daemon,fe:fd:0:0:0:1,unix,/tmp/switch.ctl',
    ],
  },
  {
    usage: 'ubd<n><flags>=<file>[(:|,)<file2>][(:|,)<serial>]',
    help: [
      'Makes a file or block device of the host a disk. <n> is 0 to 15 or a',
      'to p. A COW file finds its backing file by itself. With two files the',
      'first is the COW file, made if it is missing, the second its backing',
      'file; a colon lets the shell expand ~ in both.',
      '\tExample: ubda=cow,root_fs',
      'Without ubd0 it is the file root_fs, where there is one. Flags:',
      '\tr  read-only',
      "\ts  each write reaches the host's disk before it is answered",
      '\td  data: not looked into for a COW header',
      '\tc  shared: not locked on the host, for cluster file systems',
      '\tt  no discard',
      'The serial shows in sysfs; without a COW file: ubda=file,,serial',
    ],
  },
  { usage: 'ubd=sync', help: ['The flag s for every disk.'] },
  {
    usage: 'udb',
    help: ['Only here to catch ubd typed wrong: it leaves a line in the log.'],
  },
  { usage: 'quiet', help: ['Fewer messages during the boot.'] },
  { usage: 'noreboot', help: ['Exits where the guest reboots.'] },
  { usage: 'nosysemu', help: ['Accepted for old scripts; there is no ptrace here to switch off.'] },
];

/**
 * What `--help` prints.
 * @param release version of the guest kernel, e.g. `6.1.192`
 */
export function helpText(release: string): string {
  const options = OPTIONS.map(({ usage, help }) => `${usage}\n${help.map((line) => `    ${line}\n`).join('')}\n`);
  return `User Mode Linux v${release}\n\tan i686 machine in one process; man linux tells more\n\n${options.join('')}`;
}
