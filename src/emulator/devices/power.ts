import type { Machine } from '../cpu/index.ts';

// The fixed ports of guest/kernel/uml_power.c: they work before, and after, anything that needs memory or interrupts.
const BASE = 0x610;
const PORT = { CONSOLE: 0, PANIC_TEXT: 1, STATE: 2, SIGNATURE: 3, EXIT_CODE: 4 };
const SIGNATURE = 0x55;
const STATES: readonly (PowerState | undefined)[] = [undefined, 'halt', 'power-off', 'restart', 'panic'];
const MAX_PANIC_TEXT = 1024;

export type PowerState = 'halt' | 'power-off' | 'restart' | 'panic';

export interface PowerHandlers {
  /** Text of the guest kernel from before its console works. */
  onEarlyOutput(bytes: Uint8Array): void;
  /** The machine is at an end. */
  onState(state: PowerState): void;
}

/** The guest kernel's way to end the machine, and to be heard when nothing else works yet. */
export class PowerPorts {
  /** What the guest wrote to /proc/exitcode. */
  exitCode = 0;
  /** The panic message, once there is one. */
  panicText = '';
  readonly #handlers: PowerHandlers;
  #line: number[] = [];

  constructor(machine: Machine, handlers: PowerHandlers) {
    this.#handlers = handlers;
    machine.mapPorts({ base: BASE, parts: [[0, 8]] }, this);
  }

  readPort(offset: number): number {
    return offset === PORT.SIGNATURE ? SIGNATURE : 0;
  }

  writePort(offset: number, _size: number, value: number): void {
    switch (offset) {
      case PORT.CONSOLE:
        // As the kernel's console on tty0 does it: the terminal is raw.
        this.#line.push(...(value === 0x0a ? [0x0d, 0x0a] : [value & 0xff]));
        if (value === 0x0a || this.#line.length >= 256) this.#flush();
        break;
      case PORT.PANIC_TEXT:
        if (this.panicText.length < MAX_PANIC_TEXT) this.panicText += String.fromCharCode(value & 0xff);
        break;
      case PORT.STATE: {
        const state = STATES[value];
        this.#flush();
        if (state) this.#handlers.onState(state);
        break;
      }
      case PORT.EXIT_CODE:
        this.exitCode = value | 0;
        break;
    }
  }

  #flush(): void {
    if (this.#line.length > 0) this.#handlers.onEarlyOutput(Uint8Array.from(this.#line));
    this.#line = [];
  }
}
