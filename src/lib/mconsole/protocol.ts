/**
 * The wire format of the management console (spec 2; arch/um/drivers/mconsole.h): datagrams with 32-bit fields in
 * host byte order, little-endian on every host that UML runs on.
 */
import { MconsoleError } from './error.ts';

const MAGIC = 0xcafebabe;
export const VERSION = 2;
/** Room for data in a request and in a reply, with the NUL that ends it (MCONSOLE_MAX_DATA). */
const DATA_SIZE = 512;
const HEADER_SIZE = 12;
const REQUEST_SIZE = HEADER_SIZE + DATA_SIZE;

/** The longest command, in bytes of UTF-8. */
export const MAX_COMMAND = DATA_SIZE - 1;
/** The most text that one part of a reply holds, in bytes. */
export const MAX_PART = DATA_SIZE - 1;
/** No message is longer, so a receive buffer of this size shows when one is (its length is told all the same). */
export const MAX_DATAGRAM = 4096;

/** A request as the C client sends it: always 524 bytes. MconsoleError TOO_LONG where it does not fit. */
export function encodeRequest(command: string | Uint8Array): Buffer {
  const data = typeof command === 'string' ? Buffer.from(command) : command;
  if (data.length > MAX_COMMAND) {
    throw new MconsoleError('TOO_LONG', `the command has ${data.length} bytes, ${MAX_COMMAND} is the most`);
  }
  const datagram = Buffer.alloc(REQUEST_SIZE);
  datagram.writeUInt32LE(MAGIC, 0);
  datagram.writeUInt32LE(VERSION, 4);
  datagram.writeUInt32LE(data.length, 8);
  datagram.set(data, HEADER_SIZE);
  return datagram;
}

/** Why a datagram is no request. `magic`: it does not begin with the magic number, as clients before version 2 do. */
export type RequestFault = 'magic' | 'too large' | 'version' | 'incomplete';

export type DecodedRequest = { command: string; fault?: undefined } | { fault: RequestFault };

/**
 * Reads a request, in the order of the kernel's checks. It may end where its data ends. The command ends at its first
 * NUL. An empty datagram is an empty command.
 */
export function decodeRequest(datagram: Uint8Array): DecodedRequest {
  if (datagram.length === 0) return { command: '' };
  if (datagram.length < 4) return { fault: 'magic' };
  const view = Buffer.from(datagram.buffer, datagram.byteOffset, datagram.length);
  if (view.readUInt32LE(0) !== MAGIC) return { fault: 'magic' };
  if (view.length < HEADER_SIZE) return { fault: 'incomplete' };
  const length = view.readUInt32LE(8);
  if (length >= DATA_SIZE || view.length > REQUEST_SIZE) return { fault: 'too large' };
  if (view.readUInt32LE(4) !== VERSION) return { fault: 'version' };
  if (HEADER_SIZE + length > view.length) return { fault: 'incomplete' };
  return { command: cString(view.subarray(HEADER_SIZE, HEADER_SIZE + length)).toString() };
}

const FAULT_TEXTS: Readonly<Record<Exclude<RequestFault, 'magic'>, string>> = {
  'too large': 'Request too large',
  version: `This driver only supports version ${VERSION} clients`,
  incomplete: 'Request is shorter than it says',
};

/** The answer to a datagram that is no request. A client before version 2 knows no header, so it gets bare text. */
export function encodeFault(fault: RequestFault): Buffer {
  if (fault === 'magic') return Buffer.from('ERR Version 0 mconsole clients are not supported by this driver');
  return encodePart({ err: 1, more: false, data: Buffer.from(FAULT_TEXTS[fault]) });
}

/** One datagram of a reply. */
export interface ReplyPart {
  /** 0, 1, or a negative errno. In the first part only; 0 in the others. */
  err: number;
  /** Whether another part follows. */
  more: boolean;
  /** Without the NUL that ends it on the wire. */
  data: Uint8Array;
}

export function encodePart({ err, more, data }: ReplyPart): Buffer {
  if (data.length > MAX_PART) throw new RangeError(`a part of a reply holds ${MAX_PART} bytes, not ${data.length}`);
  const datagram = Buffer.alloc(HEADER_SIZE + data.length + 1);
  datagram.writeInt32LE(err, 0);
  datagram.writeUInt32LE(more ? 1 : 0, 4);
  datagram.writeUInt32LE(data.length + 1, 8);
  datagram.set(data, HEADER_SIZE);
  return datagram;
}

/** Cuts text into the data of parts, as the kernel does: each but the last is full. At least one, if only empty. */
export function splitText(text: string): Buffer[] {
  const bytes = Buffer.from(text);
  const parts: Buffer[] = [];
  do parts.push(bytes.subarray(parts.length * MAX_PART, (parts.length + 1) * MAX_PART));
  while (parts.length * MAX_PART < bytes.length);
  return parts;
}

const HEADERLESS = /^ERR (Version \d+ mconsole clients [^\0]*)/;

/**
 * Reads one datagram of a reply; its data ends at the first NUL. The bare text that a server sends to a client whose
 * version it does not know becomes a part with err 1. MconsoleError MALFORMED where it is neither.
 */
export function decodePart(datagram: Uint8Array): ReplyPart {
  const view = Buffer.from(datagram.buffer, datagram.byteOffset, datagram.length);
  const bare = HEADERLESS.exec(view.toString('latin1', 0, 128));
  if (bare?.[1] !== undefined) return { err: 1, more: false, data: Buffer.from(bare[1], 'latin1') };
  if (view.length < HEADER_SIZE) throw malformed(`a reply of ${view.length} bytes`);
  const length = view.readUInt32LE(8);
  if (length > DATA_SIZE || HEADER_SIZE + length > view.length) {
    throw malformed(`a reply of ${view.length} bytes that says it holds ${length} bytes of text`);
  }
  const data = cString(view.subarray(HEADER_SIZE, HEADER_SIZE + length));
  return { err: view.readInt32LE(0), more: view.readUInt32LE(4) !== 0, data };
}

function cString(bytes: Buffer): Buffer {
  const end = bytes.indexOf(0);
  return end < 0 ? bytes : bytes.subarray(0, end);
}

function malformed(what: string): MconsoleError {
  return new MconsoleError('MALFORMED', `${what} is none of the management console's`);
}

/** What an instance (or uml_watchdog, for `hang`) tells the socket of `mconsole=notify:`. */
export type Notification =
  /** The console is there: the path of its socket. */
  | { type: 'socket'; path: string }
  | { type: 'panic'; message: string }
  | { type: 'hang' }
  /** What a process in the guest wrote to /proc/mconsole: 512 bytes at most. */
  | { type: 'user'; data: Uint8Array };

const NOTIFICATION_HEADER_SIZE = 16;
const NOTIFICATION_TYPES = ['socket', 'panic', 'hang', 'user'] as const;

/** A notification as the kernel lays it out. Text carries a NUL that `len` counts; all is cut to 512 bytes. */
export function encodeNotification(notification: Notification): Buffer {
  const data = notificationData(notification).subarray(0, DATA_SIZE);
  const datagram = Buffer.alloc(NOTIFICATION_HEADER_SIZE + data.length);
  datagram.writeUInt32LE(MAGIC, 0);
  datagram.writeUInt32LE(VERSION, 4);
  datagram.writeUInt32LE(NOTIFICATION_TYPES.indexOf(notification.type), 8);
  datagram.writeUInt32LE(data.length, 12);
  data.copy(datagram, NOTIFICATION_HEADER_SIZE);
  return datagram;
}

function notificationData(notification: Notification): Buffer {
  switch (notification.type) {
    case 'socket':
      return Buffer.from(`${notification.path}\0`);
    case 'panic':
      return Buffer.from(`${notification.message}\0`);
    case 'user':
      return Buffer.from(notification.data);
    case 'hang':
      return Buffer.alloc(0);
  }
}

/**
 * Reads a notification. uml_watchdog on 64-bit machines sends the magic number as 8 bytes, which moves all that follows
 * (spec 15, defect 24): both layouts are read. MconsoleError MALFORMED where it is neither.
 */
export function decodeNotification(datagram: Uint8Array): Notification {
  const view = Buffer.from(datagram.buffer, datagram.byteOffset, datagram.length);
  if (view.length < NOTIFICATION_HEADER_SIZE || view.readUInt32LE(0) !== MAGIC) throw notNotification(view);
  const shift = view.length >= NOTIFICATION_HEADER_SIZE + 4 && view.readUInt32LE(4) === 0 ? 4 : 0;
  const start = NOTIFICATION_HEADER_SIZE + shift;
  const length = view.readUInt32LE(12 + shift);
  const type = NOTIFICATION_TYPES[view.readUInt32LE(8 + shift)];
  if (view.readUInt32LE(4 + shift) !== VERSION || length > DATA_SIZE || start + length > view.length) {
    throw notNotification(view);
  }
  const data = view.subarray(start, start + length);
  switch (type) {
    case 'socket':
      return { type, path: cString(data).toString() };
    case 'panic':
      return { type, message: cString(data).toString() };
    case 'hang':
      return { type };
    case 'user':
      return { type, data };
    default:
      throw notNotification(view);
  }
}

function notNotification(view: Buffer): MconsoleError {
  return malformed(`a notification of ${view.length} bytes`);
}
