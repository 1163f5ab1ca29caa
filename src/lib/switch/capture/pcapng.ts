/**
 * The blocks of a pcapng file (draft-ietf-opsawg-pcapng): values to bytes, no I/O. Words are in this machine's order, as
 * the section's header says of itself.
 */

const SECTION_HEADER = 0x0a0d0d0a;
const BYTE_ORDER_MAGIC = 0x1a2b3c4d;
const INTERFACE_DESCRIPTION = 1;
const INTERFACE_STATISTICS = 5;
const ENHANCED_PACKET = 6;
const LINKTYPE_ETHERNET = 1;
const SNAP_LENGTH = 65_535;
const UNKNOWN_LENGTH = 0xffff_ffff;

const OPTION = { end: 0, sectionApplication: 4, name: 2, description: 3, resolution: 9, flags: 2 } as const;
const STATISTIC = { received: 4, dropped: 5 } as const;
/** if_tsresol: 10^-9 seconds. */
const NANOSECONDS = 9;
const HIGH_WORD = 2 ** 32;

/** Nanoseconds since 1970, in two words: they are more than a number holds exactly. */
export interface Time {
  high: number;
  low: number;
}

/** The block that a file or stream begins with. */
export function sectionHeader(application: string): Uint8Array {
  const fixed = Uint32Array.of(BYTE_ORDER_MAGIC, 0, UNKNOWN_LENGTH, UNKNOWN_LENGTH);
  new Uint16Array(fixed.buffer, 4, 2).set([1, 0]); // the format's version
  return block(SECTION_HEADER, fixed, [option(OPTION.sectionApplication, Buffer.from(application))]);
}

/** An interface of the section; they have numbers from 0 in the order of these blocks. */
export function interfaceDescription({ name, description }: { name: string; description: string }): Uint8Array {
  const fixed = Uint32Array.of(0, SNAP_LENGTH);
  new Uint16Array(fixed.buffer, 0, 1)[0] = LINKTYPE_ETHERNET;
  return block(INTERFACE_DESCRIPTION, fixed, [
    option(OPTION.name, Buffer.from(name)),
    option(OPTION.description, Buffer.from(description)),
    option(OPTION.resolution, Uint8Array.of(NANOSECONDS)),
  ]);
}

/** What became of an interface's frames up to `time`: written, and lost on the way to the file. */
export function interfaceStatistics(
  id: number,
  time: Time,
  { received, dropped }: { received: number; dropped: number },
): Uint8Array {
  return block(INTERFACE_STATISTICS, Uint32Array.of(id, time.high, time.low), [
    option(STATISTIC.received, word64(received)),
    option(STATISTIC.dropped, word64(dropped)),
  ]);
}

/** Where the fields of an enhanced packet block are, in words of 32 bits; the frame follows. */
export const PACKET = { type: 0, size: 1, interface: 2, high: 3, low: 4, captured: 5, original: 6, frame: 7 } as const;
/** The option with the direction, the options' end and the size once more. */
const PACKET_TAIL_WORDS = 4;

/** Bytes of an enhanced packet block for a frame of `length` bytes; a multiple of 4. */
export function packetSize(length: number): number {
  return 4 * (PACKET.frame + ((length + 3) >> 2) + PACKET_TAIL_WORDS);
}

/** Which way a frame went, seen from the interface (epb_flags): `in` is from the port to the switch. */
export const DIRECTION = { in: 1, out: 2 } as const;
export type Direction = (typeof DIRECTION)[keyof typeof DIRECTION];

/**
 * Writes an enhanced packet block but for its time and frame, from word `at` on. The frame's bytes come at word
 * `at + PACKET.frame`, the time at PACKET.high and PACKET.low. Allocates nothing.
 */
export function putPacket(words: Uint32Array, at: number, id: number, length: number, direction: Direction): void {
  const size = packetSize(length);
  words[at + PACKET.type] = ENHANCED_PACKET;
  words[at + PACKET.size] = size;
  words[at + PACKET.interface] = id;
  words[at + PACKET.captured] = length;
  words[at + PACKET.original] = length;
  const tail = at + (size >> 2) - PACKET_TAIL_WORDS;
  words[tail] = OPTION_FLAGS;
  words[tail + 1] = direction;
  words[tail + 2] = OPTION.end;
  words[tail + 3] = size;
}

/** The direction that a block was written with; `size` is the block's. */
export function packetDirection(words: Uint32Array, at: number, size: number): Direction {
  return words[at + (size >> 2) - PACKET_TAIL_WORDS + 1] === DIRECTION.out ? DIRECTION.out : DIRECTION.in;
}

/** Code and length of the direction's option, two words of 16 bits. */
const OPTION_FLAGS = new Uint32Array(Uint16Array.of(OPTION.flags, 4).buffer)[0]!;

function block(type: number, fixed: Uint32Array, options: Uint8Array[]): Uint8Array {
  const body = [...options, new Uint8Array(4)]; // opt_endofopt
  const size = 12 + fixed.byteLength + body.reduce((sum, each) => sum + each.length, 0);
  const head = Uint32Array.of(type, size);
  const tail = Uint32Array.of(size);
  return Buffer.concat([...[head, fixed].map(bytes), ...body, bytes(tail)]);
}

/** An option: code, length, value, and zeros up to a multiple of 4. */
function option(code: number, value: Uint8Array): Uint8Array {
  const bytesOfIt = Buffer.alloc(4 + Math.ceil(value.length / 4) * 4);
  bytesOfIt.set(bytes(Uint16Array.of(code, value.length)));
  bytesOfIt.set(value, 4);
  return bytesOfIt;
}

function word64(value: number): Uint8Array {
  const low = value % HIGH_WORD;
  const high = Math.floor(value / HIGH_WORD);
  return bytes(isLittleEndian() ? Uint32Array.of(low, high) : Uint32Array.of(high, low));
}

function bytes(words: Uint16Array | Uint32Array): Uint8Array {
  return new Uint8Array(words.buffer, words.byteOffset, words.byteLength);
}

function isLittleEndian(): boolean {
  return bytes(Uint16Array.of(1))[0] === 1;
}
