import { configSpace, SERIAL_SLOT, slotPort } from '../bus/index.ts';
import type { Machine, PciFunction, PortHandler } from '../cpu/index.ts';
import { SERIAL_PORTS, Serial16550Card, type SerialHandlers } from './serial.ts';

const REGISTERS = 8;
const BAR_SIZE = SERIAL_PORTS * REGISTERS;

/** Plugs the card with the guest's /dev/ttyS0 to ttyS15 into a machine. */
export function plugSerialCard(machine: Machine, handlers: SerialHandlers): Serial16550Card {
  const pin = machine.interruptPin(SERIAL_SLOT);
  const card = new Serial16550Card({ raiseIrq: pin.raise, lowerIrq: pin.lower }, handlers);
  const base = slotPort(SERIAL_SLOT);
  const registers: PortHandler = {
    readPort: (offset) => card.read(Math.floor(offset / REGISTERS), offset % REGISTERS),
    writePort: (offset, _size, value) => card.write(Math.floor(offset / REGISTERS), offset % REGISTERS, value & 0xff),
  };
  const pciFunction: PciFunction = {
    ...registers,
    name: 'serial',
    devfn: SERIAL_SLOT,
    barSize: BAR_SIZE,
    ports: { base, parts: [[0, BAR_SIZE]] },
    configSpace: configSpace({
      vendor: 0x1b36,
      device: 0x00ff,
      subsystem: 0,
      class: 0x0700,
      programmingInterface: 2, // 16550-compatible
      ports: base,
      interruptLine: pin.line,
    }),
  };
  machine.plug(pciFunction);
  return card;
}
