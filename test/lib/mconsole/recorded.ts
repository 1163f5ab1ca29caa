import { readFileSync } from 'node:fs';
import { join } from 'node:path';

const FIXTURES = join(import.meta.dirname, '../../fixtures/mconsole');

/** The datagrams of a recording: sent by the C client (`>>>`) or by the kernel (`<<<`), in order. */
export function recorded(name: string): { sent: Buffer[]; received: Buffer[] } {
  const sent: Buffer[] = [];
  const received: Buffer[] = [];
  let bytes: number[] = [];
  let repeat = false;
  const fill = (offset: number): void => {
    const row = bytes.slice(-16);
    while (repeat && bytes.length < offset) bytes.push(...row);
    repeat = false;
  };
  for (const line of readFileSync(join(FIXTURES, `${name}.hex`), 'latin1').split('\n')) {
    const row = /^([0-9a-f]{8})((?: +[0-9a-f]{2})*)/.exec(line);
    if (/^(>>>|<<<)/.test(line)) bytes = [];
    else if (line === '*') repeat = true;
    else if (row?.[1] !== undefined) {
      fill(Number.parseInt(row[1], 16));
      const data = row[2]?.trim();
      if (data) bytes.push(...data.split(/ +/).map((byte) => Number.parseInt(byte, 16)));
    }
    if (line.startsWith('>>>')) sent.push(Buffer.alloc(0));
    if (line.startsWith('<<<')) received.push(Buffer.alloc(0));
    if (row && !row[2]) {
      const list = lastEmpty(sent) ?? lastEmpty(received);
      if (list) list[list.length - 1] = Buffer.from(bytes);
    }
  }
  return { sent, received };
}

/** The list whose last datagram is still to be filled in. */
function lastEmpty(list: Buffer[]): Buffer[] | undefined {
  return list.at(-1)?.length === 0 ? list : undefined;
}

/** A command that was given to the C client, and what came of it. */
export interface Transcript {
  /** With `@HOME@` where the home directory stood. */
  command: string;
  /** Exit status and standard output, with `@HOME@` and `@VERSION@`. */
  status: number;
  stdout: string;
}

/** The recorded session of the C client with Debian's linux.uml, in order. */
export function transcripts(): Transcript[] {
  const lines = readFileSync(join(FIXTURES, 'transcripts.tsv'), 'utf8').split('\n');
  return lines
    .filter((line) => line !== '' && !line.startsWith('#'))
    .map((line) => {
      const [command = '', status, stdout = '""'] = line.split('\t');
      return { command, status: Number(status), stdout: JSON.parse(stdout) as string };
    });
}
