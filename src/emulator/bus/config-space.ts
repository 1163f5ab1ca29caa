/** What a function's PCI configuration header says. */
export interface PciIdentity {
  vendor: number;
  device: number;
  subsystem: number;
  /** Base class and sub-class, e.g. 0x0100 for a SCSI controller. */
  class: number;
  programmingInterface: number;
  ports: number;
  interruptLine: number;
}

export const CAPABILITIES = 0x40;

/** A 256-byte configuration space of header type 0 (PCI 3.0, section 6.1) with one I/O BAR. */
export function configSpace(id: PciIdentity): Uint8Array {
  const space = new Uint8Array(256);
  const view = new DataView(space.buffer);
  view.setUint16(0x00, id.vendor, true);
  view.setUint16(0x02, id.device, true);
  view.setUint16(0x04, 0x0003, true); // command: I/O space, memory space
  space[0x08] = 1; // revision: virtio 1.x
  space[0x09] = id.programmingInterface;
  view.setUint16(0x0a, id.class, true);
  space[0x0e] = 0x80; // several functions a slot
  view.setUint32(0x10, id.ports | 1, true);
  view.setUint16(0x2c, id.vendor, true);
  view.setUint16(0x2e, id.subsystem, true);
  space[0x3c] = id.interruptLine;
  space[0x3d] = 1; // INTA
  return space;
}

/** Appends capabilities (PCI 3.0, section 6.7): each is its bytes from offset 2 on; identifier 9 is vendor-specific. */
export function addVendorCapabilities(space: Uint8Array, capabilities: readonly Uint8Array[]): void {
  let at = CAPABILITIES;
  space[0x06] = (space[0x06] ?? 0) | 0x10; // status: there is a list
  space[0x34] = at;
  capabilities.forEach((capability, index) => {
    const next = at + 2 + capability.length;
    space[at] = 9;
    space[at + 1] = index + 1 < capabilities.length ? next : 0;
    space.set(capability, at + 2);
    at = next;
  });
}
