import { closeSync, constants, openSync } from 'node:fs';
import { basename, dirname } from 'node:path';
import { check, checkBlocking, OsError } from './error.ts';
import { koffi } from './koffi.ts';
import { lastErrno, libc } from './libc.ts';

const AF_UNIX = 1;
const SOCK_TYPES = { stream: 1, dgram: 2, seqpacket: 5 } as const;
const SOCK_NONBLOCK = 0o4000;
const SOCK_CLOEXEC = 0o2000000;
const SOL_SOCKET = 1;
const SO_SNDBUF = 7;
const SO_RCVBUF = 8;
const SO_SNDBUFFORCE = 32;
const SO_RCVBUFFORCE = 33;
const SCM_RIGHTS = 1;
const MSG_NOSIGNAL = 0x4000;
const MSG_TRUNC = 0x20;
const MSG_CMSG_CLOEXEC = 0x40000000;
const EINVAL = 22;
const ENAMETOOLONG = 36;

/** sizeof(struct sockaddr_un): a 16-bit family and 108 bytes of path. */
export const SOCKADDR_UN_SIZE = 110;
const PATH_SIZE = SOCKADDR_UN_SIZE - 2;

export type UnixSocketType = keyof typeof SOCK_TYPES;

/**
 * A raw `struct sockaddr_un` as the kernel takes it: family and path bytes, cut to the address length in use. Addresses
 * are compared byte for byte; abstract names may hold NUL bytes anywhere.
 */
export type UnixAddress = Uint8Array;

/** The address of a socket file. OsError ENAMETOOLONG from 108 bytes on: the kernel wants a terminating NUL. */
export function pathAddress(path: string): UnixAddress {
  const name = Buffer.from(path);
  if (name.length >= PATH_SIZE) throw new OsError('bind', ENAMETOOLONG, path);
  if (name.length === 0 || name.includes(0)) throw new OsError('bind', EINVAL, path);
  return rawAddress(Buffer.concat([name, Buffer.alloc(1)]));
}

/** open(2)'s flag, which Node does not name: the directory need not be readable. */
const O_PATH = 0o10000000;

/**
 * Calls `use` with the address of a socket file whose path may be longer than an address holds: it is then named by
 * way of its open directory, which is open during the call. Its last part must still fit.
 * @throws OsError ENAMETOOLONG, EINVAL; what `use` throws; the directory's errors from node:fs
 */
export function withPathAddress<T>(path: string, use: (address: UnixAddress) => T): T {
  if (Buffer.byteLength(path) < PATH_SIZE) return use(pathAddress(path));
  const directory = openSync(dirname(path), O_PATH | constants.O_DIRECTORY);
  try {
    return use(pathAddress(`/proc/self/fd/${directory}/${basename(path)}`));
  } finally {
    closeSync(directory);
  }
}

/** An address of these path bytes (108 at most), as long as they are. A first byte of 0 makes it abstract. */
export function rawAddress(pathBytes: Uint8Array): UnixAddress {
  if (pathBytes.length > PATH_SIZE) throw new OsError('bind', ENAMETOOLONG);
  const address = Buffer.alloc(2 + pathBytes.length);
  address.writeUInt16LE(AF_UNIX, 0);
  address.set(pathBytes, 2);
  return address;
}

/** A new AF_UNIX socket: non-blocking, closed on exec. */
export function unixSocket(type: UnixSocketType): number {
  return check('socket', libc.socket(AF_UNIX, SOCK_TYPES[type] | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
}

/** Two connected AF_UNIX sockets: non-blocking, closed on exec. */
export function unixSocketPair(type: UnixSocketType): [number, number] {
  const pair = Buffer.alloc(8);
  check('socketpair', libc.socketpair(AF_UNIX, SOCK_TYPES[type] | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair));
  return [pair.readInt32LE(0), pair.readInt32LE(4)];
}

export function bind(fd: number, address: UnixAddress): void {
  check('bind', libc.bind(fd, address, address.length), printable(address));
}

export function connect(fd: number, address: UnixAddress): void {
  check('connect', libc.connect(fd, address, address.length), printable(address));
}

export function listen(fd: number, backlog: number): void {
  check('listen', libc.listen(fd, backlog));
}

/** The next waiting connection, non-blocking and closed on exec; undefined if none waits. */
export function accept(fd: number): number | undefined {
  return checkBlocking('accept', libc.accept4(fd, null, null, SOCK_NONBLOCK | SOCK_CLOEXEC));
}

/** Asks for room for this many bytes that were sent and not yet received. The kernel grants less without CAP_NET_ADMIN. */
export function setSendBuffer(fd: number, bytes: number): void {
  setBuffer(fd, bytes, SO_SNDBUFFORCE, SO_SNDBUF);
}

/** Asks for room for this many bytes that came and were not yet taken. The kernel grants less without CAP_NET_ADMIN. */
export function setReceiveBuffer(fd: number, bytes: number): void {
  setBuffer(fd, bytes, SO_RCVBUFFORCE, SO_RCVBUF);
}

function setBuffer(fd: number, bytes: number, force: number, ask: number): void {
  const value = Buffer.alloc(4);
  value.writeInt32LE(bytes);
  if (libc.setsockopt(fd, SOL_SOCKET, force, value, value.length) === 0) return;
  check('setsockopt', libc.setsockopt(fd, SOL_SOCKET, ask, value, value.length));
}

/** The address that a socket is bound to, exactly as long as the kernel says. */
export function socketAddress(fd: number): UnixAddress {
  const address = Buffer.alloc(SOCKADDR_UN_SIZE);
  const length = lengthWord();
  check('getsockname', libc.getsockname(fd, address, length));
  return address.subarray(0, Math.min(length.readUInt32LE(), SOCKADDR_UN_SIZE));
}

const SO_TYPE = 3;
const SO_PEERCRED = 17;
const ENOTCONN = 107;

/** What kind of socket a descriptor is. OsError ENOTSOCK if it is none. */
export function socketType(fd: number): UnixSocketType | 'other' {
  const value = Buffer.alloc(4);
  const size = Buffer.from([4, 0, 0, 0]);
  check('getsockopt', libc.getsockopt(fd, SOL_SOCKET, SO_TYPE, value, size));
  const number = value.readInt32LE();
  return (Object.keys(SOCK_TYPES) as UnixSocketType[]).find((type) => SOCK_TYPES[type] === number) ?? 'other';
}

/** Whether a socket has a peer. */
export function isConnected(fd: number): boolean {
  if (libc.getpeername(fd, Buffer.alloc(SOCKADDR_UN_SIZE), lengthWord()) === 0) return true;
  const errno = lastErrno();
  if (errno === ENOTCONN) return false;
  throw new OsError('getpeername', errno);
}

/** The address of a socket's peer, of the family alone if it is not bound. */
export function peerAddress(fd: number): UnixAddress {
  const address = Buffer.alloc(SOCKADDR_UN_SIZE);
  const length = lengthWord();
  check('getpeername', libc.getpeername(fd, address, length));
  return address.subarray(0, Math.min(length.readUInt32LE(), SOCKADDR_UN_SIZE));
}

/** The pid of the process that connected an AF_UNIX socket, as our pid namespace has it: 0 if it is not there. */
export function peerProcess(fd: number): number {
  const credentials = Buffer.alloc(12); // struct ucred: pid, uid, gid
  check('getsockopt', libc.getsockopt(fd, SOL_SOCKET, SO_PEERCRED, credentials, Buffer.from([12, 0, 0, 0])));
  return credentials.readInt32LE();
}

/** Sends on a connected socket. Bytes sent, or undefined if it would block. A closed peer is OsError EPIPE, no signal. */
export function send(fd: number, data: Uint8Array): number | undefined {
  return checkBlocking('send', libc.send(fd, data, data.length, MSG_NOSIGNAL));
}

/** Sends one datagram. Undefined if the receiver's queue is full. */
export function sendTo(fd: number, data: Uint8Array, address: UnixAddress): number | undefined {
  return checkBlocking('sendto', libc.sendto(fd, data, data.length, MSG_NOSIGNAL, address, address.length));
}

export interface Datagram {
  /** Bytes of the datagram; more than the buffer holds when it was cut. 0 at the end of a stream or SEQPACKET. */
  length: number;
  /** The sender's address; empty if it is not bound. */
  from: UnixAddress;
}

/** Receives one datagram (or what a stream has) into `buffer`; undefined if nothing waits. */
export function receive(fd: number, buffer: Uint8Array): Datagram | undefined {
  const from = Buffer.alloc(SOCKADDR_UN_SIZE);
  const size = lengthWord();
  const length = checkBlocking('recvfrom', libc.recvfrom(fd, buffer, buffer.length, MSG_TRUNC, from, size));
  if (length === undefined) return undefined;
  return { length, from: from.subarray(0, Math.min(size.readUInt32LE(), SOCKADDR_UN_SIZE)) };
}

// struct msghdr of 64-bit Linux (name, iov and control: pointers with their lengths), then its one struct iovec, then
// the control message: struct cmsghdr (64-bit length, level, type) and descriptors of 32 bits each.
const MSGHDR = { name: 0, nameLength: 8, iov: 16, iovLength: 24, control: 32, controlLength: 40, size: 56 } as const;
const IOVEC = MSGHDR.size;
const CONTROL = IOVEC + 16;
const CMSGHDR_SIZE = 16;
/** How many descriptors a message may bring here: the most that fit the room we give; the kernel drops the others. */
const MAX_DESCRIPTORS = 16;

/** A message of these sizes in one piece of memory that points into itself: header, control message, then the data. */
function message(controlLength: number, dataLength: number): { header: Buffer; data: Buffer } {
  const dataAt = CONTROL + controlLength;
  const header = Buffer.alloc(dataAt + dataLength);
  const address = BigInt(koffi().address(header));
  header.writeBigUInt64LE(address + BigInt(IOVEC), MSGHDR.iov);
  header.writeBigUInt64LE(1n, MSGHDR.iovLength);
  header.writeBigUInt64LE(address + BigInt(CONTROL), MSGHDR.control);
  header.writeBigUInt64LE(BigInt(controlLength), MSGHDR.controlLength);
  header.writeBigUInt64LE(address + BigInt(dataAt), IOVEC);
  header.writeBigUInt64LE(BigInt(dataLength), IOVEC + 8);
  return { header, data: header.subarray(dataAt) };
}

/**
 * Sends a message on a connected AF_UNIX socket, and with it a copy of one of our descriptors (SCM_RIGHTS, unix(7)).
 * @param data at least one byte: on a stream a descriptor can't travel alone
 * @returns bytes sent, or undefined if it would block. A closed peer is OsError EPIPE, no signal.
 */
export function sendWithDescriptor(fd: number, data: Uint8Array, descriptor: number): number | undefined {
  const { header, data: room } = message(CMSGHDR_SIZE + 8, data.length); // 8: one descriptor, padded as CMSG_SPACE does
  room.set(data);
  header.writeBigUInt64LE(BigInt(CMSGHDR_SIZE + 4), CONTROL);
  header.writeInt32LE(SOL_SOCKET, CONTROL + 8);
  header.writeInt32LE(SCM_RIGHTS, CONTROL + 12);
  header.writeInt32LE(descriptor, CONTROL + CMSGHDR_SIZE);
  return checkBlocking('sendmsg', libc.sendmsg(fd, header, MSG_NOSIGNAL));
}

export interface MessageWithDescriptors extends Datagram {
  /** The descriptors that came along: ours now, closed on exec, and to be closed. */
  descriptors: number[];
}

/** Receives a message and the descriptors that came with it (16 at most); undefined if nothing waits. */
export function receiveWithDescriptors(fd: number, buffer: Uint8Array): MessageWithDescriptors | undefined {
  const from = Buffer.alloc(SOCKADDR_UN_SIZE);
  const { header, data } = message(CMSGHDR_SIZE + 4 * MAX_DESCRIPTORS, buffer.length);
  header.writeBigUInt64LE(BigInt(koffi().address(from)), MSGHDR.name);
  header.writeUInt32LE(from.length, MSGHDR.nameLength);
  const length = checkBlocking('recvmsg', libc.recvmsg(fd, header, MSG_TRUNC | MSG_CMSG_CLOEXEC));
  if (length === undefined) return undefined;
  buffer.set(data.subarray(0, Math.min(length, buffer.length)));
  const fromLength = Math.min(header.readUInt32LE(MSGHDR.nameLength), from.length);
  return { length, from: from.subarray(0, fromLength), descriptors: descriptorsOf(header) };
}

function descriptorsOf(header: Buffer): number[] {
  const room = Number(header.readBigUInt64LE(MSGHDR.controlLength)); // what the kernel filled
  if (room < CMSGHDR_SIZE) return [];
  if (header.readInt32LE(CONTROL + 8) !== SOL_SOCKET || header.readInt32LE(CONTROL + 12) !== SCM_RIGHTS) return [];
  const bytes = Math.min(Number(header.readBigUInt64LE(CONTROL)), room) - CMSGHDR_SIZE;
  return Array.from({ length: Math.floor(bytes / 4) }, (_, i) => header.readInt32LE(CONTROL + CMSGHDR_SIZE + 4 * i));
}

function lengthWord(): Buffer {
  const word = Buffer.alloc(4);
  word.writeUInt32LE(SOCKADDR_UN_SIZE);
  return word;
}

function printable(address: UnixAddress): string | undefined {
  if (address.length <= 3 || address[0] !== AF_UNIX || address[2] === 0) return undefined;
  return Buffer.from(address.subarray(2)).toString().replace(/\0.*$/s, '');
}
