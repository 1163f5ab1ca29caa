/** The header of VXLAN (RFC 7348, section 5): flags, 24 reserved bits, the network's number, 8 reserved bits. Pure. */

export const VXLAN_HEADER = 8;
/** The I flag: there is a valid number. */
const VNI_IS_VALID = 0x08;

/** The header of a frame of network `vni`, a number of 24 bits. */
export function encodeVxlanHeader(vni: number): Uint8Array {
  return Uint8Array.of(VNI_IS_VALID, 0, 0, 0, vni >>> 16, (vni >>> 8) & 255, vni & 255, 0);
}

/** Whether the header at `offset` is that of a frame of network `vni`. What is reserved is ignored. */
export function isVxlanOf(vni: number, bytes: Uint8Array, offset: number): boolean {
  if ((bytes[offset]! & VNI_IS_VALID) === 0) return false;
  return ((bytes[offset + 4]! << 16) | (bytes[offset + 5]! << 8) | bytes[offset + 6]!) === vni;
}
