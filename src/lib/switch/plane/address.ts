import type { AddressInfo } from '../ports.ts';
import { LISTED } from './mac-table.ts';

/**
 * Ethernet addresses as two numbers, as they are read from a frame: the first four bytes as a little-endian word and the
 * last two.
 */

/** `aa:bb:cc:dd:ee:ff` */
export function formatAddress(low: number, high: number): string {
  const bytes = [low, low >>> 8, low >>> 16, low >>> 24, high, high >>> 8];
  return bytes.map((byte) => (byte & 255).toString(16).padStart(2, '0')).join(':');
}

/** Reads what `formatAddress` writes, also with `-` between the bytes, capital letters and digits left out. */
export function parseAddress(text: string): { low: number; high: number } | undefined {
  if (!/^[0-9a-f]{1,2}([:-][0-9a-f]{1,2}){5}$/i.test(text)) return undefined;
  const bytes = text.split(/[:-]/).map((part) => Number.parseInt(part, 16)) as [
    number,
    number,
    number,
    number,
    number,
    number,
  ];
  const [a, b, c, d, e, f] = bytes;
  return { low: (a | (b << 8) | (c << 16) | (d << 24)) >>> 0, high: e | (f << 8) };
}

/** Addresses as MacTable lists them, for people. */
export function listedAddresses(words: Uint32Array): AddressInfo[] {
  return Array.from({ length: words.length / LISTED.size }, (_, index) => {
    const [low = 0, high = 0, port = 0, age = 0] = words.subarray(index * LISTED.size, (index + 1) * LISTED.size);
    return { address: formatAddress(low, high), port, vlan: high >>> 16, age };
  });
}
