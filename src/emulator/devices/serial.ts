import { Uart } from './uart.ts';

/** Ports of the card: the guest's serial lines. */
export const SERIAL_PORTS = 16;

export interface InterruptPin {
  raiseIrq(): void;
  lowerIrq(): void;
}

export interface SerialHandlers {
  /** The guest sent bytes on a line. False: hold its transmitter until `resume`. */
  onTransmit(port: number, bytes: Uint8Array): boolean;
  /** The input that waited for the guest went down to nothing: a paused channel may go on. */
  onDrain(port: number): void;
}

/**
 * A card of sixteen 16550A serial ports with one interrupt line: registers only, the bus is somebody else's. Time does
 * not pass in it: a byte is sent when it is written, and baud rates and breaks mean nothing.
 */
export class Serial16550Card {
  readonly #pin: InterruptPin;
  readonly #ports: readonly Uart[];
  #asserted = false;

  constructor(pin: InterruptPin, handlers: SerialHandlers) {
    this.#pin = pin;
    this.#ports = Array.from(
      { length: SERIAL_PORTS },
      (_, port) =>
        new Uart({
          transmit: (bytes) => handlers.onTransmit(port, bytes),
          drained: () => handlers.onDrain(port),
          changed: () => this.#updateInterrupt(),
        }),
    );
  }

  /** The guest reads a register, 0 to 7; a port that isn't there reads as an empty bus. */
  read(port: number, register: number): number {
    return this.#ports[port]?.read(register) ?? 0xff;
  }

  write(port: number, register: number, value: number): void {
    this.#ports[port]?.write(register, value);
  }

  /** Types into a line. False: there is no room for more, wait for `onDrain`. */
  receive(port: number, bytes: Uint8Array): boolean {
    return this.#ports[port]?.receive(bytes) ?? true;
  }

  /** The host takes output again after `onTransmit` said to stop. */
  resume(port: number): void {
    this.#ports[port]?.resume();
  }

  #updateInterrupt(): void {
    const wanted = this.#ports.some((port) => port.interrupting);
    if (wanted === this.#asserted) return;
    this.#asserted = wanted;
    if (wanted) this.#pin.raiseIrq();
    else this.#pin.lowerIrq();
  }
}
