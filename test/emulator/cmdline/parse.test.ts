import { describe, expect, it } from 'vitest';
import { type CommandLine, CommandLineError, parseCommandLine } from '../../../src/emulator/cmdline/index.ts';

function parse(line: string): CommandLine {
  return parseCommandLine(line === '' ? [] : line.split(' '));
}

function texts(line: string, to: 'stdout' | 'stderr' | 'log' = 'log'): string[] {
  return parse(line)
    .warnings.filter((warning) => warning.to === to)
    .map(({ text }) => text);
}

describe('the kernel command line', () => {
  it('is what the user typed, without umid, with root and console added', () => {
    const line = 'mem=64M ubda=debian.cow,root_fs umid=debian con=null con0=fd:0,fd:1 ssl=null labshell';
    expect(parse(line).kernelArguments.join(' ')).toBe(
      'mem=64M ubda=debian.cow,root_fs con=null con0=fd:0,fd:1 ssl=null labshell root=98:0 console=tty0',
    );
  });

  it.each([
    ['root=/dev/ubdb', 'root=/dev/ubdb console=tty0'],
    ['console=ttyS0', 'console=ttyS0 root=98:0'],
    ['xterm=foo', 'root=98:0 console=tty0'],
    ['kernel=vmlinux', 'root=98:0 console=tty0'],
    ['uml_dir=/tmp/uml initrd=i', 'uml_dir=/tmp/uml initrd=i root=98:0 console=tty0'],
    ['udb0=x ubdz=y nosuch mode=tt', 'udb0=x ubdz=y nosuch mode=tt root=98:0 console=tty0'],
    ['umid=a umid=b', 'umid=b root=98:0 console=tty0'],
  ])('of %s is %s', (line, expected) => {
    expect(parse(line).kernelArguments.join(' ')).toBe(expected);
  });

  it('begins after a first word that starts with a space', () => {
    expect(parseCommandLine([' (uml)', 'x']).kernelArguments).toEqual(['x', 'root=98:0', 'console=tty0']);
  });

  it('refuses more than an i386 kernel takes', () => {
    expect(() => parse(`x=${'y'.repeat(2000)} z=${'y'.repeat(60)}`)).toThrow(
      'add_arg: Too many command line arguments!',
    );
    expect(parse(`x=${'y'.repeat(2000)}`).kernelArguments).toHaveLength(3);
  });
});

describe('memory', () => {
  it.each([
    ['', 64],
    ['mem=128M', 128],
    ['mem=65536k', 64],
    ['mem=1G', 1024],
    ['mem=0x2000000', 32],
    ['mem=2047M', 2047],
    ['mem=64m mem=96m', 96],
  ])("of '%s' is %i MiB", (line, mebibytes) => {
    expect(parse(line).memory).toBe(mebibytes * 1024 * 1024);
  });

  it.each(['mem=1M', 'mem=8M', 'mem=abc', 'mem='])('of %s is too little, as UML says it', (line) => {
    expect(() => parse(line)).toThrow(
      expect.objectContaining({
        name: CommandLineError.name,
        message: expect.stringMatching(/^Too few physical memory! Needed=\d+, given=\d+$/),
      }),
    );
  });

  it.each(['mem=2048M', 'mem=2G', 'mem=4G', 'mem=999999999G'])('of %s is too much', (line) => {
    expect(() => parse(line)).toThrow(/^Too much physical memory! Possible=2146435072, given=\d+$/);
  });
});

describe('words that end the run', () => {
  it.each([
    ['--help', 'help'],
    ['mem=64M --version foo', 'version'],
    ['--showconfig', 'showconfig'],
    ['mem=1M --help', 'help'],
    ['--version --help', 'version'],
  ])('%s: %s', (line, action) => {
    expect(parse(line).action).toBe(action);
  });
});

describe('disks', () => {
  it('are root_fs where none is named', () => {
    expect(parse('').disks.get(0)?.file).toBe('root_fs');
    expect(parse('').defaultRoot).toBe(true);
    expect(parse('ubda=').disks.get(0)?.file).toBe('root_fs');
    expect(parse('ubdb=swap').disks.get(0)?.file).toBe('root_fs');
    expect(parse('ubda=x').defaultRoot).toBe(false);
  });

  it('are told apart by unit, file and backing file', () => {
    const { disks, ubdSync } = parse('ubd0=cow,root_fs ubdbr=a ubd0x2s=c:d ubd=sync');
    expect([...disks.values()].map(({ unit, file, backing }) => [unit, file, backing])).toEqual([
      [0, 'cow', 'root_fs'],
      [1, 'a', undefined],
      [2, 'c', 'd'],
    ]);
    expect(ubdSync).toBe(true);
  });

  it.each([
    ['ubdz=root_fs', 'Failed to initialize device with "z=root_fs" : Device number out of range'],
    ['ubd16=x', 'Failed to initialize device with "16=x" : Device number out of range'],
    ['ubdA=x', `Failed to initialize device with "A=x" : Couldn't parse device number`],
    ['ubda', `Failed to initialize device with "a" : Expected '=' or flag letter (r, s, c, t or d)`],
    ['ubdax=root_fs', `Failed to initialize device with "ax=root_fs" : Expected '=' or flag letter (r, s, c, t or d)`],
    ['ubda=e.cow,root_fs ubda=empty', 'Failed to initialize device with "a=empty" : Device is already configured'],
    ['ubd=root_fs', 'fake major not supported any more'],
    ['udba=root_fs', 'udba=root_fs specified on command line is almost certainly a ubd -> udb TYPO'],
    ['fake_ide', 'The fake_ide option has been removed'],
  ])("a wrong word, '%s', is logged in UML's words and the boot goes on", (line, text) => {
    expect(texts(line)).toEqual([text]);
    expect(parse(line).action).toBe('boot');
  });
});

describe('consoles and serial lines', () => {
  it('have their own channel, else that for all, else the default', () => {
    const { consoles, serialLines } = parse('con=null con0=fd:0,fd:1 con3=pts ssl5=tty:/dev/ttyS0');
    expect(consoles.slice(0, 5)).toEqual(['fd:0,fd:1', 'null', 'null', 'pts', 'null']);
    expect(consoles).toHaveLength(16);
    expect(serialLines.slice(4, 7)).toEqual(['pts', 'tty:/dev/ttyS0', 'pts']);
    expect(parse('').consoles.slice(0, 2)).toEqual(['fd:0,fd:1', 'pts']);
    expect(parse('con=null').consoles[0]).toBe('null');
  });

  it.each([
    ['con99=null', 'Failed to set up console with configuration string "99=null" : Device number out of range'],
    ['ssl99=null', 'Failed to set up serial line with configuration string "99=null" : Device number out of range'],
    ['con1', `Failed to set up console with configuration string "1" : Couldn't parse device number`],
    ['conx=null', `Failed to set up console with configuration string "x=null" : Couldn't parse device number`],
    ['ssl16=pts', 'ssl16 : this machine has the serial lines 0 to 15'],
  ])("log '%s' in UML's words", (line, text) => {
    expect(texts(line)).toEqual([text]);
  });

  it('are not confused with console= and other words of the kernel', () => {
    expect(texts('console=tty0 consoleblank=0 ssl-non-raw')).toEqual([]);
    expect(parse('ssl-non-raw').serialRaw).toBe(false);
  });
});

describe('this instance', () => {
  it('has the first umid, even an empty one', () => {
    expect(parse('umid=err umid=err2')).toMatchObject({ umid: 'err' });
    expect(texts('umid=err umid=err2', 'stderr')).toEqual(['umid already set']);
    expect(parse('umid=').umid).toBe('');
    expect(parse('').umid).toBeUndefined();
  });

  it('says that a long umid is not used', () => {
    expect(parse(`umid=${'x'.repeat(63)}`).umid).toHaveLength(63);
    const line = `umid=${'x'.repeat(64)}`;
    expect(parse(line).umid).toBeUndefined();
    expect(texts(line, 'stderr')[0]).toContain('longer than 63');
    expect(parse(`${line} umid=short`).umid).toBe('short');
  });

  it('has its directory, notification socket and kernel', () => {
    expect(
      parse('uml_dir=/tmp/u mconsole=notify:/tmp/n kernel=bzImage initrd=i init=/bin/sh root=/dev/ubdb'),
    ).toMatchObject({
      umlDirectory: '/tmp/u',
      notifySocket: '/tmp/n',
      guestKernel: 'bzImage',
      initrd: 'i',
      init: '/bin/sh',
      root: '/dev/ubdb',
    });
    expect(texts('uml_dir=', 'stderr')).toEqual(["uml_dir can't be an empty string"]);
    expect(texts('mconsole=foo')).toEqual(["mconsole_setup : Unknown option - 'foo'"]);
  });

  it('knows the other words', () => {
    expect(parse('noreboot quiet')).toMatchObject({ noReboot: true, quiet: true });
    expect(texts('debugfoo', 'stdout')).toEqual([
      "'debug' is not necessary to gdb UML in skas mode - run\n'gdb linux'",
    ]);
    expect(parse('hostfs=/srv,append').hostfs).toEqual({ root: '/srv', append: true });
    expect(texts('hostfs=/srv,bogus', 'stdout')).toEqual(['hostfs_args - unsupported option - bogus']);
    expect(parse('xterm=gnome-terminal,-t').xterm).toEqual({
      emulator: 'gnome-terminal',
      titleSwitch: '-t',
      execSwitch: '-e',
    });
  });
});

describe('interfaces', () => {
  it('are ports of a switch', () => {
    expect(parse('eth0=daemon,,unix,/tmp/sw.ctl eth1=daemon').nics).toMatchObject([
      { unit: 0, transport: 'daemon', mac: undefined, socketType: 'unix', controlSocket: '/tmp/sw.ctl' },
      { unit: 1, transport: 'daemon', controlSocket: '/tmp/uml.ctl' },
    ]);
  });

  it.each([
    ['ethx=mcast', "eth_setup - Couldn't parse 'x=mcast' : Bad device number"],
    ['eth0:mcast', "eth_setup - Couldn't parse '0:mcast' : Expected '=' after device number"],
    ['eth0=bogus', "eth_setup - Couldn't parse '0=bogus' : No transport 'bogus' (it can be: daemon)"],
    ['eth0=daemonx', "eth_setup - Couldn't parse '0=daemonx' : No transport 'daemonx' (it can be: daemon)"],
    ['vec0=transport=tap', "vector_setup - Couldn't parse '0=transport=tap' : Expected ':' after device number"],
    ['vecx:transport=tap', "vector_setup - Couldn't parse 'x:transport=tap' : Bad device number"],
  ])("log '%s'", (line, text) => {
    expect(texts(line)).toEqual([text]);
    expect(parse(line).nics).toEqual([]);
  });

  it('are refused when their number is taken', () => {
    const line = 'eth0=daemon,fe:fd:0:0:0:1 eth0=daemon';
    expect(parse(line).nics).toHaveLength(1);
    expect(texts(line)).toEqual(["eth_setup - Couldn't parse '0=daemon' : Device already configured"]);
  });
});
