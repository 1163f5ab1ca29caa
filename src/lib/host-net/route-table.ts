/** A row of /proc/net/route. */
export interface Route {
  device: string;
  /** The network, 32 bits in the order of the text: 192.0.2.0 is 0xc0000200. */
  destination: number;
}

/**
 * The rows of /proc/net/route (net/ipv4/fib_trie.c), which holds addresses as hexadecimal numbers of the host's byte
 * order. What is no row is left out.
 */
export function parseRoutes(text: string): Route[] {
  return text.split('\n').flatMap((line) => {
    const [, device, bytes] = /^(\S+)\t([0-9A-F]{8})\t/.exec(line) ?? [];
    if (device === undefined || bytes === undefined) return [];
    return [{ device, destination: Buffer.from(bytes, 'hex').readUInt32LE() }];
  });
}
