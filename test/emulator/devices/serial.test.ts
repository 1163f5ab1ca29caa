import { beforeEach, describe, expect, it, vi } from 'vitest';
import { Serial16550Card } from '../../../src/emulator/devices/serial.ts';

const [DATA, IER, IIR, LCR, MCR, LSR, MSR, SCR] = [0, 1, 2, 3, 4, 5, 6, 7];
const FCR = IIR;
const [DTR_RTS, LOOP] = [0x03, 0x10];

let card: Serial16550Card;
let interrupt: boolean;
let edges: number;
let sent: Map<number, string>;
let welcome: boolean;
let drained: number[];

beforeEach(() => {
  interrupt = false;
  edges = 0;
  sent = new Map();
  welcome = true;
  drained = [];
  const pin = (level: boolean) => () => {
    interrupt = level;
    edges++;
  };
  card = new Serial16550Card(
    { raiseIrq: pin(true), lowerIrq: pin(false) },
    {
      onTransmit(port, bytes) {
        sent.set(port, (sent.get(port) ?? '') + Buffer.from(bytes).toString('latin1'));
        return welcome;
      },
      onDrain: (port) => drained.push(port),
    },
  );
});

const turn = () => new Promise<void>((resolve) => setImmediate(() => setImmediate(resolve)));

/** What Linux's 8250 driver does when a line is opened (serial8250_do_startup). */
function open(port: number): void {
  card.write(port, FCR, 0x01);
  card.write(port, FCR, 0x07);
  card.write(port, FCR, 0x00);
  for (const register of [LSR, DATA, IIR, MSR]) card.read(port, register);
  card.write(port, LCR, 0x03);
  card.write(port, MCR, DTR_RTS);
  card.write(port, FCR, 0x81);
  card.write(port, IER, 0x05);
}

/** Reads as the driver's interrupt handler does. */
function readAll(port: number): string {
  let text = '';
  while (card.read(port, LSR) & 1) text += String.fromCharCode(card.read(port, DATA));
  return text;
}

describe('what Linux looks for', () => {
  it('is there: interrupt enable bits that stick', () => {
    card.write(0, IER, 0);
    expect(card.read(0, IER)).toBe(0);
    card.write(0, IER, 0xff);
    expect(card.read(0, IER)).toBe(0x0f);
  });

  it('passes the loop test of autoconfig', () => {
    card.write(5, MCR, LOOP | 0x0a);
    expect(card.read(5, MSR) & 0xf0).toBe(0x90);
    card.write(5, MCR, 0);
    expect(card.read(5, MSR) & 0xf0).toBe(0xb0);
  });

  it('has FIFOs and is neither a 16650 nor a 16750', () => {
    expect(card.read(0, IIR)).toBe(0x01);
    card.write(0, FCR, 0x01);
    expect(card.read(0, IIR)).toBe(0xc1);
    card.write(0, LCR, 0xbf);
    expect(card.read(0, IIR)).not.toBe(0); // an extended feature register would read 0
    card.write(0, LCR, 0x80);
    card.write(0, FCR, 0x21);
    expect(card.read(0, IIR) >> 5).toBe(6);
    card.write(0, LCR, 0);
  });

  it('has a FIFO of 16 bytes, as size_fifo counts them', () => {
    card.write(0, FCR, 0x07);
    card.write(0, MCR, LOOP);
    for (let i = 0; i < 256; i++) card.write(0, DATA, i & 0xff);
    expect(card.read(0, LSR) & 0x02).toBe(0x02);
    let count = 0;
    for (; card.read(0, LSR) & 1; count++) expect(card.read(0, DATA)).toBe(count);
    expect(count).toBe(16);
  });

  it('keeps divisor and scratch', () => {
    card.write(0, LCR, 0x83);
    card.write(0, DATA, 0x12);
    card.write(0, IER, 0x34);
    expect([card.read(0, DATA), card.read(0, IER)]).toEqual([0x12, 0x34]);
    card.write(0, LCR, 0x03);
    expect(card.read(0, IER)).toBe(0);
    card.write(0, SCR, 0xa5);
    expect(card.read(0, SCR)).toBe(0xa5);
  });

  it('says again that the transmitter is empty each time that interrupt is enabled', () => {
    for (let i = 0; i < 2; i++) {
      card.write(0, IER, 0x02);
      expect(card.read(0, IIR) & 0x0f).toBe(0x02);
      expect(card.read(0, IIR) & 0x0f).toBe(0x01);
      card.write(0, IER, 0);
    }
  });
});

describe('output', () => {
  it('reaches the host in one piece a turn, from the port that it was written to', async () => {
    for (const char of 'login: ') card.write(7, DATA, char.charCodeAt(0));
    for (const char of 'other') card.write(15, DATA, char.charCodeAt(0));
    expect(sent.size).toBe(0);
    await turn();
    expect(sent).toEqual(
      new Map([
        [7, 'login: '],
        [15, 'other'],
      ]),
    );
  });

  it('interrupts for each load of the FIFO', () => {
    open(2);
    expect(interrupt).toBe(false);
    card.write(2, IER, 0x07);
    expect(interrupt).toBe(true);
    expect(card.read(2, IIR)).toBe(0xc2);
    expect(interrupt).toBe(false);
    card.write(2, DATA, 0x41);
    expect(interrupt).toBe(true);
    card.write(2, IER, 0x05);
    expect(interrupt).toBe(false);
  });

  it('waits while the host takes no more', async () => {
    open(0);
    card.write(0, IER, 0x07);
    welcome = false;
    card.write(0, DATA, 0x41);
    await turn();
    expect(card.read(0, LSR) & 0x60).toBe(0);
    expect(interrupt).toBe(false);
    card.resume(0);
    expect(card.read(0, LSR) & 0x60).toBe(0x60);
    expect(interrupt).toBe(true);
  });
});

describe('input', () => {
  it('interrupts and is read in order', () => {
    open(3);
    expect(card.receive(3, Buffer.from('ls\n'))).toBe(true);
    expect(interrupt).toBe(true);
    expect(card.read(3, IIR)).toBe(0xcc); // below the trigger level of 8: a time-out
    expect(readAll(3)).toBe('ls\n');
    expect(interrupt).toBe(false);
    card.receive(3, Buffer.from('12345678'));
    expect(card.read(3, IIR)).toBe(0xc4);
  });

  it('shares one interrupt line among the ports', () => {
    open(1);
    open(9);
    edges = 0;
    card.receive(1, Buffer.from('a'));
    card.receive(9, Buffer.from('b'));
    expect(edges).toBe(1);
    readAll(1);
    expect(interrupt).toBe(true);
    readAll(9);
    expect(interrupt).toBe(false);
    expect(edges).toBe(2);
  });

  it('that was typed before the line is opened waits for it, whole', async () => {
    card.receive(4, Buffer.from('root\n'));
    await turn();
    expect(interrupt).toBe(false);
    open(4);
    expect(readAll(4)).toBe('root\n');
  });

  it('waits while the guest holds RTS down', async () => {
    open(4);
    card.write(4, MCR, 0x01);
    card.receive(4, Buffer.from('x'));
    await turn();
    expect(card.read(4, LSR) & 1).toBe(0);
    card.write(4, MCR, DTR_RTS);
    expect(readAll(4)).toBe('x');
  });

  it('of any length arrives whole, a little at a time, and stops the sender meanwhile', async () => {
    open(0);
    const text = Array.from({ length: 10_000 }, (_, i) => String.fromCharCode(33 + (i % 90))).join('');
    expect(card.receive(0, Buffer.from(text))).toBe(false);
    let read = readAll(0);
    expect(read.length).toBeLessThan(1000);
    let turns = 1;
    for (; read.length < text.length && turns < 1000; turns++) {
      await turn();
      read += readAll(0);
    }
    expect(read).toBe(text);
    await turn();
    expect(drained).toEqual([0]);
    expect(card.receive(0, Buffer.from('more'))).toBe(true);
  });

  it('costs nothing while the guest does not read it', async () => {
    open(0);
    card.receive(0, Buffer.alloc(3000, 'x'));
    await turn();
    const planned = vi.spyOn(globalThis, 'setImmediate');
    await turn();
    await turn();
    expect(planned).toHaveBeenCalledTimes(4); // those of the test itself
    planned.mockRestore();
    expect(card.read(0, LSR) & 1).toBe(1);
  });

  it('tells of nothing on ports and registers that are not there', () => {
    expect(card.read(16, 0)).toBe(0xff);
    expect(card.receive(16, Buffer.from('x'))).toBe(true);
    card.write(16, 0, 1);
    card.resume(16);
  });
});
