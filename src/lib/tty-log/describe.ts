import { commandLine } from './playback.ts';
import type { TtyRecord } from './record.ts';

/** A record as tty_log.pl prints it, a line, or more where its text has more; execs, on which that one dies, likewise. */
export function describe(record: TtyRecord): Buffer {
  const tty = hex(record.tty);
  switch (record.op) {
    case 'open':
      return Buffer.from(`Opening new tty ${tty} from tty ${hex(record.from)}\n`);
    case 'close':
      return Buffer.from(`Closing tty ${tty}\n`);
    case 'read':
      return quoted(`Read from tty ${tty}`, record.data);
    case 'write':
      return quoted(`Write to tty ${tty}`, record.data);
    case 'exec':
      return quoted(`Exec on tty ${tty}`, commandLine(record.argv));
  }
}

function hex(tty: number): string {
  return `0x${tty.toString(16)}`;
}

function quoted(what: string, text: Uint8Array): Buffer {
  return Buffer.concat([Buffer.from(`${what} - '`), text, Buffer.from("'\n")]);
}
