import { writeFileSync } from 'node:fs';
import { encodeRecord, type TtyRecord } from '../../../src/lib/tty-log/index.ts';

const START = 1_700_000_000;
const at = (milliseconds: number) => START * 1e6 + milliseconds * 1000;

/** A session on tty 0x10 and another on 0x20, which overlap, with a command each and one of no tty. */
export const SESSION: readonly TtyRecord[] = [
  { op: 'open', tty: 0x10, time: at(0), from: 0 },
  { op: 'write', tty: 0x10, time: at(20), data: Buffer.from('login: ') },
  { op: 'read', tty: 0x10, time: at(40), data: Buffer.from('root\r') },
  { op: 'write', tty: 0x10, time: at(40), data: Buffer.from('root\r\n') },
  { op: 'exec', tty: 0x10, time: at(50), argv: ['/bin/sh', '-c', 'ls -l'].map((word) => Buffer.from(word)) },
  { op: 'exec', tty: 0, time: at(50), argv: [Buffer.from('/usr/sbin/cron')] },
  { op: 'open', tty: 0x20, time: at(50), from: 0x20 },
  { op: 'write', tty: 0x20, time: at(60), data: Buffer.from('second\n') },
  { op: 'open', tty: 0x30, time: at(60), from: 0x20 },
  { op: 'close', tty: 0x10, time: at(70) },
];

export function logOf(records: readonly TtyRecord[]): Buffer {
  return Buffer.concat(records.map(encodeRecord));
}

/** Writes a log of these records, the session's by default. Its path. */
export function writeLog(path: string, records: readonly TtyRecord[] = SESSION): string {
  writeFileSync(path, logOf(records));
  return path;
}
