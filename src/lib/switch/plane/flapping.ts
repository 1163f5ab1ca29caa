/**
 * Addresses that move between ports all the time: of two guests that have the same one, or in a loop that EchoWatch does
 * not see. Such an address is pinned to the port where it was before, and what comes from it on other ports goes to no
 * more than the one port of its destination. All on entries of the address table.
 */
import { ENTRY, HOME_SHIFT, PORT_MASK } from './mac-entry.ts';

/** More moves in a second than this are no guest's that migrates. */
const MAX_MOVES = 20;
/** Seconds for which an address is pinned; as often again as it spoke on its port and on others meanwhile. */
const PIN_SECONDS = 5;
const PINNED = 0xffff_ffff;

/** An address was learned: from here on its moves are counted. */
export function startCount(words: Uint32Array, at: number, now: number): void {
  const port = words[at + ENTRY.port]! & PORT_MASK;
  words[at + ENTRY.port] = port | (port << HOME_SHIFT);
  words[at + ENTRY.moved] = now;
  words[at + ENTRY.moves] = 0;
  words[at + ENTRY.home] = words[at + ENTRY.life]!;
}

/** Counts a move that is about to be made. Whether it is one too many. */
export function countMove(words: Uint32Array, at: number, now: number): boolean {
  const quiet = now - words[at + ENTRY.moved]!;
  if (quiet > 1) startCount(words, at, now); // it was at home where it is
  const moves = Math.max(0, words[at + ENTRY.moves]! - quiet * MAX_MOVES) + 1;
  words[at + ENTRY.moved] = now;
  words[at + ENTRY.moves] = moves;
  return moves > MAX_MOVES;
}

/** The port on which an address was before it began to move, or where it is now if that is gone. */
export function homeOf(words: Uint32Array, at: number, lives: Uint32Array): number {
  const port = words[at + ENTRY.port]!;
  const home = port >>> HOME_SHIFT;
  return lives[home] === words[at + ENTRY.home] ? home : port & PORT_MASK;
}

/** Pins an address to its home. */
export function pin(words: Uint32Array, at: number, now: number, lives: Uint32Array): void {
  const home = homeOf(words, at, lives);
  words[at + ENTRY.port] = home;
  words[at + ENTRY.life] = lives[home]!;
  words[at + ENTRY.moves] = PINNED;
  words[at + ENTRY.home] = now + PIN_SECONDS;
}

/**
 * Whether an address may not move. It stays pinned for as long as it speaks on its port as well as on others; one that
 * is heard elsewhere only has really moved.
 */
export function isPinned(words: Uint32Array, at: number, now: number): boolean {
  if (words[at + ENTRY.moves] !== PINNED) return false;
  const until = words[at + ENTRY.home]!;
  if (now < until) return true;
  const since = until - PIN_SECONDS;
  if (words[at + ENTRY.seen]! > since && words[at + ENTRY.moved]! > since) {
    words[at + ENTRY.home] = now + PIN_SECONDS;
    return true;
  }
  startCount(words, at, now);
  return false;
}
