import { ByteFifo } from './byte-fifo.ts';

const FIFO_SIZE = 16;
/** Host bytes that may wait for the guest before the sender is asked to stop. */
const HIGH_WATER = 4096;
/** Bytes that the guest gets at one turn of the event loop: its driver and its readers must have time in between. */
const TURN_BUDGET = 256;

// Registers of a 16550, by their offset (PC16550D data sheet; include/uapi/linux/serial_reg.h)
const [DATA, IER, IIR_FCR, LCR, MCR, LSR, MSR, SCR] = [0, 1, 2, 3, 4, 5, 6, 7];
const IER_RECEIVE = 0x01;
const IER_TRANSMIT = 0x02;
const IER_MODEM = 0x08;
const IER_MASK = 0x0f;
const IIR_NONE = 0x01;
const IIR_MODEM = 0x00;
const IIR_TRANSMIT = 0x02;
const IIR_RECEIVE = 0x04;
const IIR_TIMEOUT = 0x0c;
const IIR_FIFOS = 0xc0;
const FCR_ENABLE = 0x01;
const FCR_CLEAR_RECEIVER = 0x02;
const TRIGGER_LEVELS = [1, 4, 8, 14];
const LCR_DLAB = 0x80;
const MCR_RTS = 0x02;
const MCR_LOOP = 0x10;
const MCR_MASK = 0x1f;
const LSR_DATA = 0x01;
const LSR_OVERRUN = 0x02;
const LSR_TRANSMITTER_EMPTY = 0x60;
/** CTS, DSR and DCD: somebody is always at the other end. */
const MODEM_LINES = 0xb0;
const RING = 0x40;

/** What a port asks of the card that it is on. */
export interface UartEvents {
  transmit(bytes: Uint8Array): boolean;
  drained(): void;
  /** Something that the interrupt line depends on may have changed. */
  changed(): void;
}

/** One 16550A. */
export class Uart {
  readonly #events: UartEvents;
  #ier = 0;
  #lcr = 0;
  #mcr = 0;
  #scratch = 0;
  #divisor = 0x000c;
  #fifos = false;
  #trigger = 1;
  #overrun = false;
  /** The transmitter has become empty and the guest hasn't been told. */
  #transmitPending = false;
  /** The host takes no more. */
  #held = false;
  #modemChanges = 0;
  #receiver: number[] = [];
  /** What the host sent and the receiver has no room for. */
  readonly #line = new ByteFifo();
  /** Sent by the guest in this turn. */
  #sent: number[] = [];
  #budget = TURN_BUDGET;
  #turnPlanned = false;
  #senderWaits = false;

  constructor(events: UartEvents) {
    this.#events = events;
  }

  get interrupting(): boolean {
    return this.#cause !== IIR_NONE;
  }

  /** The most urgent cause of an interrupt that is enabled. */
  get #cause(): number {
    if (this.#ier & IER_RECEIVE && this.#receiver.length > 0) {
      // fewer bytes than the trigger level stay until a time-out, which here is over at once
      return this.#receiver.length >= this.#trigger ? IIR_RECEIVE : IIR_TIMEOUT;
    }
    if (this.#ier & IER_TRANSMIT && this.#transmitPending) return IIR_TRANSMIT;
    if (this.#ier & IER_MODEM && this.#modemChanges !== 0) return IIR_MODEM;
    return IIR_NONE;
  }

  read(register: number): number {
    switch (register) {
      case DATA:
        return this.#lcr & LCR_DLAB ? this.#divisor & 0xff : this.#takeByte();
      case IER:
        return this.#lcr & LCR_DLAB ? this.#divisor >> 8 : this.#ier;
      case IIR_FCR:
        return this.#identifyInterrupt();
      case LCR:
        return this.#lcr;
      case MCR:
        return this.#mcr;
      case LSR:
        return this.#lineStatus();
      case MSR:
        return this.#modemStatus();
      case SCR:
        return this.#scratch;
      default:
        return 0xff;
    }
  }

  write(register: number, value: number): void {
    switch (register) {
      case DATA:
        if (this.#lcr & LCR_DLAB) this.#divisor = (this.#divisor & 0xff00) | value;
        else this.#send(value);
        break;
      case IER:
        if (this.#lcr & LCR_DLAB) this.#divisor = (this.#divisor & 0xff) | (value << 8);
        else this.#enableInterrupts(value & IER_MASK);
        break;
      case IIR_FCR:
        this.#controlFifos(value);
        break;
      case LCR:
        this.#lcr = value;
        break;
      case MCR:
        this.#controlModem(value & MCR_MASK);
        break;
      case SCR:
        this.#scratch = value;
        break;
    }
  }

  receive(bytes: Uint8Array): boolean {
    this.#line.push(bytes);
    this.#feed();
    this.#senderWaits = this.#line.length >= HIGH_WATER;
    return !this.#senderWaits;
  }

  resume(): void {
    if (!this.#held) return;
    this.#held = false;
    this.#transmitPending = true;
    this.#events.changed();
  }

  get #loop(): boolean {
    return (this.#mcr & MCR_LOOP) !== 0;
  }

  #takeByte(): number {
    const byte = this.#receiver.shift() ?? 0;
    this.#feed();
    this.#events.changed();
    return byte;
  }

  #identifyInterrupt(): number {
    const cause = this.#cause;
    if (cause === IIR_TRANSMIT) {
      this.#transmitPending = false;
      this.#events.changed();
    }
    return cause | (this.#fifos ? IIR_FIFOS : 0);
  }

  #lineStatus(): number {
    const status =
      (this.#receiver.length > 0 ? LSR_DATA : 0) |
      (this.#overrun ? LSR_OVERRUN : 0) |
      (this.#held ? 0 : LSR_TRANSMITTER_EMPTY);
    this.#overrun = false;
    return status;
  }

  #modemStatus(): number {
    const status = this.#modemLines() | this.#modemChanges;
    this.#modemChanges = 0;
    this.#events.changed();
    return status;
  }

  /** In loopback DTR, RTS, OUT1 and OUT2 come back as DSR, CTS, RI and DCD. */
  #modemLines(): number {
    if (!this.#loop) return MODEM_LINES;
    return ((this.#mcr & 0x01) << 5) | ((this.#mcr & 0x02) << 3) | ((this.#mcr & 0x0c) << 4);
  }

  #send(byte: number): void {
    if (this.#loop) this.#loopBack(byte);
    else {
      this.#sent.push(byte);
      this.#planTurn();
    }
    this.#transmitPending = !this.#held;
    this.#events.changed();
  }

  #loopBack(byte: number): void {
    if (this.#receiver.length < (this.#fifos ? FIFO_SIZE : 1)) this.#receiver.push(byte);
    else this.#overrun = true;
  }

  #enableInterrupts(value: number): void {
    // a transmitter that is empty when its interrupt is enabled says so again
    if (value & IER_TRANSMIT && !(this.#ier & IER_TRANSMIT)) this.#transmitPending = !this.#held;
    this.#ier = value;
    this.#feed();
    this.#events.changed();
  }

  #controlFifos(value: number): void {
    const enabled = (value & FCR_ENABLE) !== 0;
    if (enabled !== this.#fifos || value & FCR_CLEAR_RECEIVER) this.#receiver = [];
    this.#fifos = enabled;
    this.#trigger = enabled ? TRIGGER_LEVELS[value >> 6]! : 1;
    this.#feed();
    this.#events.changed();
  }

  #controlModem(value: number): void {
    const before = this.#modemLines();
    this.#mcr = value;
    const after = this.#modemLines();
    const changed = (before ^ after) & ~RING;
    const ringEnded = before & RING & ~after;
    this.#modemChanges |= (changed | ringEnded) >> 4;
    this.#feed();
    this.#events.changed();
  }

  /**
   * Moves bytes from the line into the receiver while the guest listens: it has enabled the interrupt and holds RTS up,
   * so what is typed before a line is opened, or while it is throttled, waits.
   */
  #feed(): void {
    if (!(this.#ier & IER_RECEIVE) || !(this.#mcr & MCR_RTS) || this.#loop || this.#line.length === 0) return;
    const room = (this.#fifos ? FIFO_SIZE : 1) - this.#receiver.length;
    const count = Math.min(room, this.#budget, this.#line.length);
    for (let i = 0; i < count; i++) this.#receiver.push(this.#line.shift()!);
    this.#budget -= count;
    if (count > 0 || this.#budget === 0) this.#planTurn(); // else the guest's next read goes on
    if (count > 0) this.#events.changed();
  }

  #planTurn(): void {
    if (this.#turnPlanned) return;
    this.#turnPlanned = true;
    setImmediate(() => this.#turn());
  }

  /** Hands on what the guest sent since the last turn, all at once, and lets it receive more. */
  #turn(): void {
    this.#turnPlanned = false;
    this.#budget = TURN_BUDGET;
    if (this.#sent.length > 0) {
      const bytes = Uint8Array.from(this.#sent);
      this.#sent = [];
      if (!this.#events.transmit(bytes)) this.#hold();
    }
    this.#feed();
    if (!this.#senderWaits || this.#line.length > 0) return;
    this.#senderWaits = false;
    this.#events.drained();
  }

  #hold(): void {
    this.#held = true;
    this.#transmitPending = false;
    this.#events.changed();
  }
}
