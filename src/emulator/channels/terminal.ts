import { closeSync, fstatSync } from 'node:fs';
import { duplicateFd, rawMode, setStatusFlags, statusFlags, type WindowSize, windowSize } from '../../lib/os/index.ts';

interface Restorer {
  users: number;
  restore(): void;
}

/** What has to be put back, by what it belongs to: a terminal that several channels use is put back once. */
const restorers = new Map<string, Restorer>();

function hold(key: string, change: () => () => void): () => void {
  let held = restorers.get(key);
  if (!held) {
    held = { users: 0, restore: change() };
    restorers.set(key, held);
  }
  held.users++;
  let released = false;
  return () => {
    if (released) return;
    released = true;
    if (--held.users === 0 && restorers.delete(key)) held.restore();
  };
}

/**
 * Puts a terminal into raw mode until the returned function has been called for everyone who asked for it.
 * Does nothing for what is no terminal.
 */
export function holdRaw(fd: number): () => void {
  if (!isTerminal(fd)) return () => {};
  return hold(`terminal ${fstatSync(fd).rdev}`, () => {
    const own = duplicateFd(fd); // the channel that came first may be closed before the last
    const restore = rawMode(own);
    const again = () => void rawMode(own); // a shell that stopped us has put its own modes there
    process.on('SIGCONT', again);
    return () => {
      process.off('SIGCONT', again);
      restore();
      closeSync(own);
    };
  });
}

/**
 * Remembers the flags of an open file that the user's shell shares, to put them back when the returned function is called.
 * @param fd an inherited descriptor, which stays open
 */
export function holdFlags(fd: number): () => void {
  return hold(`flags ${fd}`, () => {
    const flags = statusFlags(fd);
    return () => setStatusFlags(fd, flags);
  });
}

/**
 * Puts every terminal back as it was found, at once: for the exit hooks of the process, whatever ends it. Channels that
 * are still open stay usable, but their terminal is cooked.
 */
export function restoreTerminals(): void {
  for (const [key, { restore }] of restorers) {
    restorers.delete(key);
    try {
      restore();
    } catch {
      // the terminal is gone; the next one may not be
    }
  }
}

export function isTerminal(fd: number): boolean {
  return sizeOf(fd) !== undefined;
}

/** The size of a terminal; undefined for anything else, and for a terminal that nobody gave a size. */
export function terminalSize(fd: number): WindowSize | undefined {
  const size = sizeOf(fd);
  return size && size.rows > 0 && size.columns > 0 ? size : undefined;
}

const listeners = new Set<() => void>();

function notifyAll(): void {
  for (const listener of listeners) listener();
}

/** Calls back when a terminal's size may have changed (SIGWINCH), until the returned function is called. */
export function onWindowChange(listener: () => void): () => void {
  if (listeners.size === 0) process.on('SIGWINCH', notifyAll);
  listeners.add(listener);
  return () => {
    listeners.delete(listener);
    if (listeners.size === 0) process.off('SIGWINCH', notifyAll);
  };
}

function sizeOf(fd: number): WindowSize | undefined {
  try {
    return windowSize(fd);
  } catch {
    return undefined;
  }
}
