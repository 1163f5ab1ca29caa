import { beforeEach, describe, expect, test } from 'vitest';
import { gather, scatter } from '../../../src/emulator/bus/index.ts';
import { Virtqueue } from '../../../src/emulator/bus/virtqueue.ts';
import { MachineError } from '../../../src/emulator/cpu/index.ts';
import { GuestMemory } from '../../../src/emulator/cpu/memory.ts';
import type { V86Cpu } from '../../../src/emulator/cpu/v86.ts';

const [DESCRIPTORS, AVAILABLE, USED, DATA] = [0x1000, 0x2000, 0x3000, 0x4000];
const SIZE = 8;
const [NEXT, WRITE, INDIRECT] = [1, 2, 4];

let memory: GuestMemory;
let queue: Virtqueue;

beforeEach(() => {
  const buffer = new ArrayBuffer(0x10000);
  const cpu = { mem8: new Uint8Array(buffer), wasm_memory: { buffer }, jit_dirty_cache: () => {} };
  memory = new GuestMemory(cpu as unknown as V86Cpu);
  queue = new Virtqueue(memory, SIZE);
  Object.assign(queue, { enabled: true, descriptors: DESCRIPTORS, available: AVAILABLE, used: USED });
});

function describeBuffer(index: number, address: number, length: number, flags = 0, next = 0): void {
  const at = DESCRIPTORS + 16 * index;
  memory.setU32(at, address);
  memory.setU32(at + 8, length);
  memory.setU16(at + 12, flags);
  memory.setU16(at + 14, next);
}

function offer(head: number): void {
  const index = memory.u16(AVAILABLE + 2);
  memory.setU16(AVAILABLE + 4 + 2 * (index % SIZE), head);
  memory.setU16(AVAILABLE + 2, (index + 1) & 0xffff);
}

describe('a virtqueue', () => {
  test('gives the requests in order, split into what is read and what is written', () => {
    describeBuffer(2, DATA, 16, NEXT, 5);
    describeBuffer(5, DATA + 0x100, 512, NEXT | WRITE, 1);
    describeBuffer(1, DATA + 0x800, 1, WRITE);
    describeBuffer(0, DATA, 4);
    offer(2);
    offer(0);
    expect(queue.pop()).toEqual({
      head: 2,
      readable: [{ address: DATA, length: 16 }],
      writable: [
        { address: DATA + 0x100, length: 512 },
        { address: DATA + 0x800, length: 1 },
      ],
    });
    expect(queue.pop()?.head).toBe(0);
    expect(queue.pop()).toBeUndefined();
  });

  test('follows an indirect table', () => {
    describeBuffer(0, DATA, 32, INDIRECT);
    const table = memory.bytes(DATA, 32);
    const view = new DataView(table.buffer, table.byteOffset, 32);
    view.setUint32(0, 0x5000, true);
    view.setUint32(8, 10, true);
    view.setUint16(12, NEXT, true);
    view.setUint16(14, 1, true);
    view.setUint32(16, 0x6000, true);
    view.setUint32(24, 20, true);
    view.setUint16(28, WRITE, true);
    offer(0);
    expect(queue.pop()).toEqual({
      head: 0,
      readable: [{ address: 0x5000, length: 10 }],
      writable: [{ address: 0x6000, length: 20 }],
    });
  });

  test('gives requests back in the used ring, past the wrap of its index', () => {
    describeBuffer(3, DATA, 4, WRITE);
    for (let round = 0; round < 70_000; round++) {
      offer(3);
      const chain = queue.pop();
      expect(chain?.head).toBe(3);
      if (chain) queue.push(chain, 4);
    }
    expect(memory.u16(USED + 2)).toBe(70_000 & 0xffff);
    expect(memory.u32(USED + 4 + 8 * ((70_000 - 1) % SIZE))).toBe(3);
  });

  test('heeds the wish for no interrupt', () => {
    expect(queue.wantsInterrupt).toBe(true);
    memory.setU16(AVAILABLE, 1);
    expect(queue.wantsInterrupt).toBe(false);
  });

  test.each([
    ['a loop', () => describeBuffer(0, DATA, 4, NEXT, 0)],
    ['an index outside the table', () => describeBuffer(0, DATA, 4, NEXT, SIZE)],
    ['a table outside memory', () => describeBuffer(0, 0x20000, 32, INDIRECT)],
    ['an address above 4 GiB', () => memory.setU32(DESCRIPTORS + 4, 1)],
  ])('refuses %s', (_, damage) => {
    describeBuffer(0, DATA, 4);
    damage();
    offer(0);
    expect(() => {
      const chain = queue.pop();
      if (chain) gather(memory, chain.readable, Buffer.alloc(chain.readable[0]?.length ?? 0));
    }).toThrow(MachineError);
  });
});

describe('guest memory', () => {
  test('is gathered and scattered over ranges', () => {
    const ranges = [
      { address: 0x100, length: 3 },
      { address: 0x200, length: 5 },
    ];
    expect(scatter(memory, ranges, Buffer.from('abcdefghij'))).toBe(8);
    const all = Buffer.alloc(8);
    expect(gather(memory, ranges, all)).toBe(8);
    expect(all.toString()).toBe('abcdefgh');
    const rest = Buffer.alloc(10);
    expect(gather(memory, ranges, rest, 4)).toBe(4);
    expect(rest.toString('latin1', 0, 4)).toBe('efgh');
  });

  test('ends where it ends', () => {
    expect(() => memory.bytes(0xfffe, 4)).toThrow(MachineError);
    expect(() => memory.write(0x10000, Buffer.alloc(1))).toThrow(MachineError);
    expect(() => memory.u32(-4)).toThrow(MachineError);
  });
});
