/**
 * Where each device sits on PCI bus 0 (device number * 8 + function). The guest kernel's patches take unit numbers from
 * here, so `ubdd` is ubdd whatever else is there: see guest/kernel/patches.
 */
export const UBD_SLOTS = 0x80;
export const UBD_UNITS = 16;
export const ETH_SLOTS = 0xa0;
export const VEC_SLOTS = 0xb0;
export const NIC_UNITS = 16;
export const CONSOLE_SLOT = 0xc0;
export const SERIAL_SLOT = 0xc8;
export const MANAGEMENT_SLOT = 0xd0;

const FIRST_PORT = 0x4000;
const PORTS_PER_SLOT = 0x100;
const FIRST_SLOT = 0x80;

/** The first I/O port of a slot's BAR: 256 ports each, fixed, so that a hot-plugged device needs no allocation. */
export function slotPort(devfn: number): number {
  return FIRST_PORT + (devfn - FIRST_SLOT) * PORTS_PER_SLOT;
}
