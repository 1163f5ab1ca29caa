import { describe, expect, test } from 'vitest';
import { MachineError, parseKernel } from '../../../src/emulator/cpu/index.ts';

/** A vmlinux with one loadable segment. */
function vmlinux({ elfClass = 1, machine = 3, fileSize = 16, segmentSize = 16 } = {}): Buffer {
  const file = Buffer.alloc(84 + fileSize);
  file.writeUInt32BE(0x7f454c46, 0);
  file[4] = elfClass;
  file.writeUInt16LE(machine, 18);
  file.writeUInt32LE(0x1000040, 24); // entry
  file.writeUInt32LE(52, 28); // program headers
  file.writeUInt16LE(1, 44);
  file.writeUInt32LE(1, 52); // PT_LOAD
  file.writeUInt32LE(84, 56);
  file.writeUInt32LE(0x1000000, 64);
  file.writeUInt32LE(segmentSize, 68);
  file.writeUInt32LE(0x5000, 72);
  file.fill(0x90, 84);
  return file;
}

/** A bzImage with a one-sector setup part. */
function bzImage({ protocol = 0x20f, xloadflags = 0 } = {}): Buffer {
  const file = Buffer.alloc(1024 + 100);
  file[0x1f1] = 1;
  file.writeUInt16LE(0xaa55, 0x1fe);
  file[0x201] = 0x66;
  file.writeUInt32LE(0x53726448, 0x202);
  file.writeUInt16LE(protocol, 0x206);
  file.writeUInt16LE(xloadflags, 0x236);
  file.writeBigUInt64LE(0x1000000n, 0x258);
  file.writeUInt32LE(0x800000, 0x260);
  file.fill(0xcc, 1024);
  return file;
}

function codeOf(work: () => unknown): string {
  try {
    work();
  } catch (error) {
    if (error instanceof MachineError) return error.code;
    throw error;
  }
  return 'no error';
}

describe('a kernel image', () => {
  test('of a vmlinux is its segments at their physical addresses', () => {
    const kernel = parseKernel(vmlinux());
    expect(kernel.entry).toBe(0x1000040);
    expect(kernel.end).toBe(0x1005000);
    expect(kernel.segments).toHaveLength(1);
    expect(kernel.segments[0]?.address).toBe(0x1000000);
    expect(kernel.segments[0]?.data).toEqual(Buffer.alloc(16, 0x90));
  });

  test('of a bzImage is its protected-mode part, with the header for boot_params', () => {
    const kernel = parseKernel(bzImage());
    expect(kernel.entry).toBe(0x100000);
    expect(kernel.end).toBe(0x1800000);
    expect(kernel.segments[0]?.data).toEqual(Buffer.alloc(100, 0xcc));
    expect(kernel.setupHeader).toHaveLength(0x202 + 0x66 - 0x1f1);
  });

  test.each([
    ['a 64-bit vmlinux', vmlinux({ elfClass: 2 }), 'amd64-kernel'],
    ['a 64-bit bzImage', bzImage({ xloadflags: 1 }), 'amd64-kernel'],
    ["another processor's", vmlinux({ machine: 40 }), 'bad-kernel'],
    ['a cut-off one', vmlinux({ segmentSize: 4096 }), 'bad-kernel'],
    ['an ancient bzImage', bzImage({ protocol: 0x203 }), 'bad-kernel'],
    ['text', Buffer.from('#!/bin/sh\n'.repeat(100)), 'bad-kernel'],
    ['an empty file', Buffer.alloc(0), 'bad-kernel'],
  ])('that is %s is refused', (_, file, code) => {
    expect(codeOf(() => parseKernel(file))).toBe(code);
  });

  test('of any damaged bytes is refused, never misread', () => {
    let seed = 1;
    const random = () => (seed = (seed * 1103515245 + 12345) & 0x7fffffff);
    for (const whole of [vmlinux(), bzImage()]) {
      for (let round = 0; round < 2000; round++) {
        const file = Buffer.from(whole.subarray(0, random() % (whole.length + 1)));
        for (let flips = random() % 8; flips > 0 && file.length > 0; flips--)
          file[random() % file.length] = random() & 0xff;
        expect(['no error', 'bad-kernel', 'amd64-kernel']).toContain(codeOf(() => parseKernel(file)));
      }
    }
  });
});
