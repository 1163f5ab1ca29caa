import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { interpreterOf } from '../../../src/lib/jail/index.ts';
import { runProgram, temporaryDirectory } from '../../support/run.ts';

function file(content: Uint8Array | string): string {
  const path = join(temporaryDirectory(), 'program');
  writeFileSync(path, content);
  return path;
}

test('the loader of a dynamic program is the one that it was linked with', async () => {
  const { stdout } = await runProgram('grep', ['-aom1', '/lib[^[:cntrl:]]*/ld-linux[^[:cntrl:]]*', '/bin/ls']);
  expect(interpreterOf('/bin/ls')).toBe(stdout.split('\n')[0]);
});

test('a script names its own', () => {
  expect(interpreterOf(file('#! /usr/bin/env  sh\n'))).toBe('/usr/bin/env');
  expect(interpreterOf(file('#!/bin/sh'))).toBe('/bin/sh');
});

test('a 32-bit program', () => {
  const elf = Buffer.alloc(128);
  elf.write('\x7fELF\x01\x01', 'latin1');
  elf.writeUInt32LE(52, 28); // program headers
  elf.writeUInt16LE(32, 42); // each so long
  elf.writeUInt16LE(1, 44); // one of them
  elf.writeUInt32LE(3, 52); // PT_INTERP
  elf.writeUInt32LE(90, 56);
  elf.writeUInt32LE(11, 68);
  elf.write('/lib/ld.so\0', 90);
  expect(interpreterOf(file(elf))).toBe('/lib/ld.so');
  for (let length = 0; length < 84; length++) expect(interpreterOf(file(elf.subarray(0, length)))).toBeUndefined();
});

test('none: a static program, what is no program, what is not there', () => {
  expect(interpreterOf('/bin/busybox')).toBeUndefined();
  expect(interpreterOf(file('just text'))).toBeUndefined();
  expect(interpreterOf(file(''))).toBeUndefined();
  expect(interpreterOf('/nonexistent')).toBeUndefined();
  expect(interpreterOf('/')).toBeUndefined();
  const broken = Buffer.from(readFileSync('/bin/ls').subarray(0, 4096));
  broken.writeBigUInt64LE(0xffff_ffff_ffff_fff0n, 32);
  expect(interpreterOf(file(broken))).toBeUndefined();
});
