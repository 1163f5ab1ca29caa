import type { CommandLine } from '../cmdline/index.ts';
import type { Machine } from '../cpu/index.ts';
import { CONSOLES, ConsoleDevice, plugSerialCard, SERIAL_PORTS } from '../devices/index.ts';
import { InstanceError } from './error.ts';
import { Line, type LinePort } from './line.ts';
import type { Report } from './report.ts';

/** How long output may take to reach the host when the instance ends, in ms: a terminal may be stopped for ever. */
const FLUSH_LIMIT = 2000;

/** The instance's consoles and serial lines: the guest's ttys on one side, channels on the other. */
export class Consoles {
  readonly #consoles: Line[];
  readonly #serialLines: Line[];

  constructor(machine: Machine, commandLine: CommandLine, report: Report) {
    const device = new ConsoleDevice(machine, {
      onOutput: (port, bytes) => this.#consoles[port]?.output(bytes),
      onDrained: (port) => this.#consoles[port]?.inputDrained(),
    });
    const card = plugSerialCard(machine, {
      onTransmit: (port, bytes) => this.#serialLines[port]?.output(bytes) ?? true,
      onDrain: (port) => this.#serialLines[port]?.inputDrained(),
    });
    const consolePort = (unit: number): LinePort => ({
      send: (bytes) => device.send(unit, bytes),
      resize: (size) => device.resize(unit, size),
      outputDrained: () => {},
    });
    const serialPort = (unit: number): LinePort => ({
      send: (bytes) => card.receive(unit, bytes),
      resize: () => {},
      outputDrained: () => card.resume(unit),
    });
    this.#consoles = Array.from({ length: CONSOLES }, (_, unit) => {
      const spec = commandLine.consoles[unit] ?? 'null';
      return new Line(spec, { kind: 'console', unit, raw: true }, consolePort(unit), report);
    });
    this.#serialLines = Array.from({ length: SERIAL_PORTS }, (_, unit) => {
      const spec = commandLine.serialLines[unit] ?? 'null';
      return new Line(spec, { kind: 'serial', unit, raw: commandLine.serialRaw }, serialPort(unit), report);
    });
    machine.plug(device.device);
  }

  /**
   * A line's configuration, as mconsole shows it.
   * @param number the text after `con` or `ssl`
   * @throws InstanceError
   */
  describe(kind: 'console' | 'serial line', number: string): string {
    const lines = kind === 'console' ? this.#consoles : this.#serialLines;
    if (!/^\d/.test(number)) throw new InstanceError('line-syntax');
    const line = lines[Number.parseInt(number, 10)];
    if (!line) throw new InstanceError('line-range');
    return line.description;
  }

  /** Writes out what the guest said last, puts the terminals back and closes all channels. */
  async close(): Promise<void> {
    const lines = [...this.#consoles, ...this.#serialLines];
    let timer: NodeJS.Timeout | undefined;
    const limit = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, FLUSH_LIMIT);
    });
    await Promise.race([Promise.all(lines.map((line) => line.flush())), limit]);
    clearTimeout(timer);
    for (const line of lines) line.close();
  }
}
