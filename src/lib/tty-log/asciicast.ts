import { StringDecoder } from 'node:string_decoder';
import type { TtyRecord } from './record.ts';

const MICROSECOND = 1e6;

export interface Screen {
  columns: number;
  rows: number;
}

/**
 * Turns the records of one tty into an asciicast v2 (docs.asciinema.org/manual/asciicast/v2): a header, then an event a
 * line. A tty log knows no size of the terminal: it has to be told. It holds what programs wrote, before the tty put a
 * carriage return before each newline; here it is there, since the player of a cast is no tty.
 */
export class Asciicast {
  private readonly screen: Screen;
  private readonly decoders = { o: new StringDecoder('utf8'), i: new StringDecoder('utf8') };
  private start: number | undefined;
  private last = 0;
  private endsInReturn = false;

  constructor(screen: Screen) {
    this.screen = screen;
  }

  /** The lines for a record, each with its newline; '' where nothing is to be shown. */
  lines(record: TtyRecord): string {
    const header = this.start === undefined ? this.header(record.time) : '';
    this.last = Math.max(this.last, record.time - (this.start ?? record.time)); // times in a cast never go back
    if (record.op !== 'write' && record.op !== 'read') return header;
    const kind = record.op === 'write' ? 'o' : 'i';
    // a character may lie in two records
    const text = this.decoders[kind].write(Buffer.from(record.data));
    return header + this.event(kind, kind === 'o' ? this.returned(text) : text);
  }

  /** What is left at the end: a header where there was no record, halves of characters. */
  end(): string {
    const header = this.start === undefined ? this.header(0) : '';
    return header + this.event('o', this.decoders.o.end()) + this.event('i', this.decoders.i.end());
  }

  private header(time: number): string {
    this.start = time;
    const { columns: width, rows: height } = this.screen;
    return `${JSON.stringify({ version: 2, width, height, timestamp: Math.floor(time / MICROSECOND) })}\n`;
  }

  private returned(text: string): string {
    const isReturned = this.endsInReturn;
    if (text !== '') this.endsInReturn = text.endsWith('\r');
    return text.replace(/(?<!\r)\n/g, (_, at: number) => (at === 0 && isReturned ? '\n' : '\r\n'));
  }

  private event(kind: 'o' | 'i', text: string): string {
    return text === '' ? '' : `${JSON.stringify([this.last / MICROSECOND, kind, text])}\n`;
  }
}
