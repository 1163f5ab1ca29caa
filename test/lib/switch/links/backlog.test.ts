import { constants } from 'node:os';
import { beforeEach, describe, expect, test } from 'vitest';
import { Arena } from '../../../../src/lib/os/index.ts';
import { Counters } from '../../../../src/lib/switch/counters.ts';
import { BACKLOG_SIZE, Backlog, type Receiver, RUN } from '../../../../src/lib/switch/links/backlog.ts';
import { Patience } from '../../../../src/lib/switch/links/patience.ts';

const { EAGAIN, ECONNREFUSED } = constants.errno;
const [A, B] = [5, 6];

let memory: Arena;
let counters: Counters;
let patience: Patience;
let backlog: Backlog;
let frame: number;
let now: number;

beforeEach(() => {
  memory = new Arena(BACKLOG_SIZE + 64 * 1024);
  counters = new Counters(16);
  patience = new Patience(counters);
  backlog = new Backlog(memory, patience);
  frame = memory.take(2048);
  now = performance.now();
});

/** A receiver with room for some frames, which notes what it gets: the first byte of each. */
class Guest implements Receiver {
  room = 0;
  errno = EAGAIN;
  readonly got: number[] = [];
  readonly lost: { errno: number; length: number }[] = [];

  keep(port: number, first: number, length = 60): void {
    memory.u8[frame] = first;
    backlog.keep(port, this, frame, length);
    memory.u8[frame] = 0; // the frame's place is another's by then
  }

  sendKept(port: number, count: number): number {
    const taken = Math.min(count, this.room);
    if (taken === 0) return -this.errno;
    backlog.visit(port, taken, (_, offset) => this.got.push(memory.u8[offset]!));
    this.room -= taken;
    return taken;
  }

  loseKept(_port: number, errno: number, length: number): void {
    this.lost.push({ errno, length });
  }

  /** Tries what is kept after some milliseconds. */
  static later(ms: number): void {
    now += ms;
    backlog.retry(now);
  }
}

const firsts = (count: number): number[] => Array.from({ length: count }, (_, n) => n);

describe('frames for a full queue', () => {
  test('are copied, and go in their order as there is room', () => {
    const guest = new Guest();
    for (const n of firsts(40)) guest.keep(A, n);
    guest.room = RUN + 3;
    Guest.later(1);
    expect(guest.got).toEqual(firsts(RUN + 3));
    expect(backlog.has(A)).toBe(true);
    guest.room = 100;
    Guest.later(1);
    expect(guest.got).toEqual(firsts(40));
    expect(backlog.isWaiting).toBe(false);
    expect(guest.lost).toEqual([]);
  });

  test('of one port wait for nobody else', () => {
    const [slow, quick] = [new Guest(), new Guest()];
    slow.keep(A, 1);
    quick.keep(B, 2);
    quick.room = 1;
    Guest.later(1);
    expect(quick.got).toEqual([2]);
    expect([backlog.has(A), backlog.has(B)]).toEqual([true, false]);
  });

  test('are lost when the receiver takes none for 200 ms, which is stuck then; one that takes some is not', () => {
    const [dead, slow] = [new Guest(), new Guest()];
    for (const n of firsts(30)) {
      dead.keep(A, n, 100 + n);
      slow.keep(B, n);
    }
    for (let n = 0; n < 30; n++) {
      slow.room = 1;
      Guest.later(10);
    }
    expect(dead.lost).toEqual(firsts(30).map((n) => ({ errno: EAGAIN, length: 100 + n })));
    expect([patience.isStuck(A), counters.read(A).isStuck]).toEqual([true, true]);
    expect(slow.got).toEqual(firsts(30));
    expect(patience.isStuck(B)).toBe(false);
    expect(backlog.isWaiting).toBe(false);
  });

  test('are kept up to 512 for a port; further ones are lost, and other ports still have room', () => {
    const [full, other] = [new Guest(), new Guest()];
    for (let n = 0; n < 512; n++) full.keep(A, n & 255);
    expect(full.lost).toEqual([]);
    full.keep(A, 0, 77);
    expect(full.lost).toEqual([{ errno: EAGAIN, length: 77 }]);
    other.keep(B, 9);
    expect(other.lost).toEqual([]);
    full.room = other.room = 1000;
    Guest.later(1);
    expect(full.got).toEqual(Array.from({ length: 512 }, (_, n) => n & 255));
    expect(other.got).toEqual([9]);
  });

  test('are lost one by one to an error that passes', () => {
    const guest = new Guest();
    for (const n of firsts(3)) guest.keep(A, n);
    guest.errno = ECONNREFUSED;
    Guest.later(1);
    expect(guest.lost).toEqual(firsts(3).map(() => ({ errno: ECONNREFUSED, length: 60 })));
    expect(patience.isStuck(A)).toBe(false);
  });

  test('go with their port, and their places are free again', () => {
    const [left, next] = [new Guest(), new Guest()];
    for (let round = 0; round < 10; round++) {
      for (let n = 0; n < 512; n++) left.keep(A, 1);
      backlog.forget(A);
    }
    expect(backlog.isWaiting).toBe(false);
    next.keep(A, 7);
    next.room = 1;
    Guest.later(1);
    expect([left.got, left.lost, next.got]).toEqual([[], [], [7]]);
  });
});

describe('a full queue', () => {
  test('is tried 23 times more, and no more', () => {
    let attempts = 0;
    const sendFrom = () => {
      attempts++;
      return -EAGAIN;
    };
    const result = patience.insist({ sendFrom }, 0);
    expect([attempts, result]).toEqual([23, -EAGAIN]);
  });

  test('is tried until it takes something, or says something else', () => {
    const answers = [-EAGAIN, -EAGAIN, 3];
    expect(patience.insist({ sendFrom: () => answers.shift()! }, 0)).toBe(3);
    expect(patience.insist({ sendFrom: () => -ECONNREFUSED }, 0)).toBe(-ECONNREFUSED);
  });
});
