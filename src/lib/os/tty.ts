import { check } from './error.ts';
import { closeFd, ioctl } from './file.ts';
import { libc } from './libc.ts';

const O_RDWR_NOCTTY_CLOEXEC_NONBLOCK = 0o2 | 0o400 | 0o2000000 | 0o4000;
const TERMIOS_SIZE = 60; // glibc, x86-64 and arm64
const TCSADRAIN = 1;
const TIOCGWINSZ = 0x5413;
const TIOCSWINSZ = 0x5414;
const TIOCNOTTY = 0x5422;

// struct termios: input, output, control and local flags (32 bit each), line discipline, control characters from 17 on
const VMIN = 17 + 6;
const VTIME = 17 + 5;
const [IGNBRK, BRKINT, PARMRK, ISTRIP, INLCR, IGNCR, ICRNL, IXON] = [0o1, 0o2, 0o10, 0o40, 0o100, 0o200, 0o400, 0o2000];
const OPOST = 0o1;
const [ISIG, ICANON, ECHO, ECHONL, IEXTEN] = [0o1, 0o2, 0o10, 0o100, 0o100000];
const [CSIZE, PARENB, CS8] = [0o60, 0o400, 0o60];

/** Puts a terminal into raw mode (cfmakeraw) and returns the function that restores it. */
export function rawMode(fd: number): () => void {
  const saved = Buffer.alloc(TERMIOS_SIZE);
  check('tcgetattr', libc.tcgetattr(fd, saved));
  const raw = Buffer.from(saved);
  clear(raw, 0, IGNBRK | BRKINT | PARMRK | ISTRIP | INLCR | IGNCR | ICRNL | IXON);
  clear(raw, 4, OPOST);
  clear(raw, 8, CSIZE | PARENB);
  raw.writeUInt32LE((raw.readUInt32LE(8) | CS8) >>> 0, 8);
  clear(raw, 12, ISIG | ICANON | ECHO | ECHONL | IEXTEN);
  raw[VMIN] = 1;
  raw[VTIME] = 0;
  check('tcsetattr', libc.tcsetattr(fd, TCSADRAIN, raw));
  return () => void libc.tcsetattr(fd, TCSADRAIN, saved);
}

function clear(termios: Buffer, offset: number, bits: number): void {
  termios.writeUInt32LE((termios.readUInt32LE(offset) & ~bits) >>> 0, offset);
}

export interface WindowSize {
  rows: number;
  columns: number;
}

/** The size of a terminal, in characters. OsError ENOTTY for anything else. */
export function windowSize(fd: number): WindowSize {
  const size = Buffer.alloc(8);
  ioctl(fd, TIOCGWINSZ, size);
  return { rows: size.readUInt16LE(0), columns: size.readUInt16LE(2) };
}

export function setWindowSize(fd: number, { rows, columns }: WindowSize): void {
  const size = Buffer.alloc(8);
  size.writeUInt16LE(rows, 0);
  size.writeUInt16LE(columns, 2);
  ioctl(fd, TIOCSWINSZ, size);
}

export interface Pty {
  /** The master's descriptor: non-blocking, closed on exec. */
  master: number;
  /** Path of the slave, e.g. `/dev/pts/3`. */
  slave: string;
}

/** A new Unix98 pseudo-terminal. */
export function openPty(): Pty {
  const master = check('posix_openpt', libc.posix_openpt(O_RDWR_NOCTTY_CLOEXEC_NONBLOCK), '/dev/ptmx');
  try {
    check('grantpt', libc.grantpt(master));
    check('unlockpt', libc.unlockpt(master));
    const name = Buffer.alloc(64);
    check('ptsname', -libc.ptsname_r(master, name, name.length));
    return { master, slave: name.toString('latin1', 0, name.indexOf(0)) };
  } catch (error) {
    closeFd(master);
    throw error;
  }
}

/** Makes this process the leader of a new session, without a controlling terminal. */
export function newSession(): void {
  check('setsid', libc.setsid());
}

/**
 * Gives up this process's controlling terminal (TIOCNOTTY on a descriptor of it). The leader of a session sends SIGHUP to
 * the processes in the terminal's foreground by that, itself among them.
 */
export function leaveTerminal(fd: number): void {
  ioctl(fd, TIOCNOTTY, 0);
}
