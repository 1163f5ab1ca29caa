/** The control protocol of uml_switch (spec 8.3): bytes to values and back, no I/O. All words are in host byte order. */
import { rawAddress, SOCKADDR_UN_SIZE, type UnixAddress } from '../os/index.ts';

/** The first word of every request but version 0's. */
export const SWITCH_MAGIC = 0xfeedface;
/** A new port is asked for; the control stream then lives as long as the port. */
export const REQ_NEW_CONTROL = 0;
/** The most that a request takes: sizeof(struct request_v3), with 2 bytes of padding at its end. */
export const REQUEST_SIZE = 124;
/** What clients of vde_switch append to version 3, instead of padding: MAXDESCR of vde2's libvdeplug. */
const DESCRIPTION_SIZE = 128;
const V3_ADDRESS = 12;
const V1_ADDRESS = 14;
const V0_ADDRESS = 10;

/** The request of the UML kernel: a port for the client whose frames come from `address` (110 bytes). */
export function encodeRequestV3(address: UnixAddress): Uint8Array {
  const request = Buffer.alloc(REQUEST_SIZE);
  request.writeUInt32LE(SWITCH_MAGIC, 0);
  request.writeUInt32LE(3, 4);
  request.writeUInt32LE(REQ_NEW_CONTROL, 8);
  request.set(address.subarray(0, SOCKADDR_UN_SIZE), V3_ADDRESS);
  return request;
}

/**
 * The abstract address of a data socket, as the kernel and the C switch make it: { char zero; 3 bytes of padding;
 * int pid; int usecs }. All 108 bytes are the name; the C programs leave those after the 12th as they happen to be,
 * ours are zero.
 */
export function dataAddress(pid: number, usecs: number): UnixAddress {
  const name = Buffer.alloc(SOCKADDR_UN_SIZE - 2);
  name.writeInt32LE(pid, 4);
  name.writeInt32LE(usecs, 8);
  return rawAddress(name);
}

/** What the first bytes of a control stream ask for. */
export type Request =
  /** Not all there yet: read on. */
  | { kind: 'incomplete' }
  /** A new port. Padding may follow, up to REQUEST_SIZE. A client of vde_switch gives a description of itself. */
  | { kind: 'port'; version: 0 | 1 | 3; address: UnixAddress; description: string | undefined }
  /** A version that is not spoken here. */
  | { kind: 'version'; version: number }
  /** Not a request for a port. */
  | { kind: 'type'; type: number };

/**
 * Reads a request from the bytes that came so far. The first word tells magic from version 0 (which has none), the
 * second the version, where a version 1 request has its type, 0.
 */
export function parseRequest(bytes: Uint8Array): Request {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (bytes.length < 4) return { kind: 'incomplete' };
  const first = view.getUint32(0, true);
  if (first !== SWITCH_MAGIC) return portRequest(bytes, 0, first, V0_ADDRESS);
  if (bytes.length < 8) return { kind: 'incomplete' };
  const version = view.getUint32(4, true);
  if (version === 2 || version > 3) return { kind: 'version', version };
  if (version < 2) return portRequest(bytes, 1, version, V1_ADDRESS);
  if (bytes.length < V3_ADDRESS) return { kind: 'incomplete' };
  return portRequest(bytes, 3, view.getUint32(8, true), V3_ADDRESS);
}

function portRequest(bytes: Uint8Array, version: 0 | 1 | 3, type: number, at: number): Request {
  if (type !== REQ_NEW_CONTROL) return { kind: 'type', type };
  const end = at + SOCKADDR_UN_SIZE;
  if (bytes.length < end) return { kind: 'incomplete' };
  return {
    kind: 'port',
    version,
    address: new Uint8Array(bytes.subarray(at, end)),
    description: version === 3 ? descriptionIn(bytes.subarray(end)) : undefined,
  };
}

/** The text that follows a request, as one line; undefined if nothing but padding does, or more than a description. */
function descriptionIn(bytes: Uint8Array): string | undefined {
  if (bytes.length > DESCRIPTION_SIZE) return undefined;
  const [text = ''] = Buffer.from(bytes).toString().split('\0');
  const line = text.replace(/[\p{Cc}\p{Zl}\p{Zp}]+/gu, ' ').trim();
  return line === '' ? undefined : line;
}
