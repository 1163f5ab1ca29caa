/** The tags of 802.1Q in frames: read, put in and taken out in place. Offsets are those of frames, multiples of 4. */
import type { Arena } from '../../os/index.ts';

/** Bytes that a tag takes: its type, and a word with priority and VLAN. */
export const TAG_SIZE = 4;
/** Where a frame has its type, or else a tag: after the two addresses. */
const TYPE_AT = 12;
/** 0x8100, as it is read from memory. */
const TAG_TYPE = 0x0081;
const VLAN_MASK = 0xfff;

/** Whether a frame of at least 14 bytes has a tag, which may be cut short. */
export function isTagged({ u16 }: Arena, offset: number): boolean {
  return u16[(offset + TYPE_AT) >> 1] === TAG_TYPE;
}

/** Whether a frame with a tag has another one after it. `length` is the frame's. */
export function isTaggedTwice({ u16 }: Arena, offset: number, length: number): boolean {
  return length >= TYPE_AT + TAG_SIZE + 2 && u16[(offset + TYPE_AT + TAG_SIZE) >> 1] === TAG_TYPE;
}

/** The VLAN of a tag; 0 is a tag for its priority only. */
export function taggedVlan({ u8 }: Arena, offset: number): number {
  return ((u8[offset + TYPE_AT + 2]! << 8) | u8[offset + TYPE_AT + 3]!) & VLAN_MASK;
}

/** Writes another VLAN into a tag; its priority stays. */
export function setVlan({ u8 }: Arena, offset: number, vlan: number): void {
  u8[offset + TYPE_AT + 2] = (u8[offset + TYPE_AT + 2]! & 0xf0) | (vlan >> 8);
  u8[offset + TYPE_AT + 3] = vlan & 0xff;
}

/** Puts a tag without a priority in: the addresses move into the 4 bytes before the frame. The frame's offset then. */
export function insertTag(memory: Arena, offset: number, vlan: number): number {
  const { u8, u16, u32 } = memory;
  const word = offset >> 2;
  u32[word - 1] = u32[word]!;
  u32[word] = u32[word + 1]!;
  u32[word + 1] = u32[word + 2]!;
  const start = offset - TAG_SIZE;
  u16[(start + TYPE_AT) >> 1] = TAG_TYPE;
  u8[start + TYPE_AT + 2] = 0;
  setVlan(memory, start, vlan);
  return start;
}

/** Takes a tag out: the addresses move over it. The frame's offset then. */
export function removeTag({ u32 }: Arena, offset: number): number {
  const word = offset >> 2;
  u32[word + 3] = u32[word + 2]!;
  u32[word + 2] = u32[word + 1]!;
  u32[word + 1] = u32[word]!;
  return offset + TAG_SIZE;
}
