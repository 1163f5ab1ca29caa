/** The words of an entry of the address table: 32 bytes, so that it lies within one cache line. */
export const ENTRY = {
  /** The first four bytes of the address, as a little-endian word. */
  low: 0,
  /** Its last two bytes, and above them the VLAN. */
  high: 1,
  /** The port, and in the upper half the one that it was on before it began to move. */
  port: 2,
  /** When it last sent on its port, in seconds. */
  seen: 3,
  /** In which life of the port's number; 0: the entry is free. */
  life: 4,
  /** When it last moved to another port, or tried to while it is pinned. */
  moved: 5,
  /** How often it moved lately, or PINNED. */
  moves: 6,
  /** The life of the port before it began to move; while it is pinned, the second up to which it is. */
  home: 7,
  size: 8,
} as const;

export const PORT_MASK = 0xffff;
export const HOME_SHIFT = 16;
