import { constants } from 'node:os';
import { check, OsError } from './error.ts';
import { closeFd } from './file.ts';
import { libc } from './libc.ts';
import { receive, send } from './socket.ts';

const AF_NETLINK = 16;
const SOCK_RAW = 3;
const SOCK_NONBLOCK = 0o4000;
const SOCK_CLOEXEC = 0o2000000;
const NETLINK_ROUTE = 0;

// struct nlmsghdr (linux/netlink.h): 32-bit length, 16-bit type and flags, 32-bit sequence and port, which stay 0
const HEADER = { size: 16, type: 4, flags: 6 } as const;
const NLM_F_REQUEST = 1;
const ANSWER_FLAGS = { one: 4, dump: 0x300 } as const; // NLM_F_ACK; NLM_F_ROOT | NLM_F_MATCH
const NLM_F_DUMP_INTR = 0x10;
const NLMSG_ERROR = 2;
const NLMSG_DONE = 3;
/** The kernel fills at most 32 KiB of a dump at once; an answer about one device is far smaller. */
const ROOM = 64 * 1024;
const { EAGAIN, EINTR, EMSGSIZE } = constants.errno;

/** A netlink message without its header; what the body holds, its type tells (linux/rtnetlink.h). */
export interface NetlinkMessage {
  type: number;
  body: Buffer;
}

/**
 * Asks or tells the kernel's routing subsystem something (rtnetlink(7)), about the network namespace of this process.
 * @param answer `one` for a request about one thing, `dump` for all that there is
 * @returns the messages of the answer; none for a request that only changes something
 * @throws OsError with the errno that the kernel answered; EINTR if what is dumped changed meanwhile, to be asked again
 */
export function askNetlink(request: NetlinkMessage, answer: keyof typeof ANSWER_FLAGS): NetlinkMessage[] {
  const header = Buffer.alloc(HEADER.size);
  header.writeUInt32LE(HEADER.size + request.body.length, 0);
  header.writeUInt16LE(request.type, HEADER.type);
  header.writeUInt16LE(NLM_F_REQUEST | ANSWER_FLAGS[answer], HEADER.flags);
  const type = SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC;
  const fd = check('socket', libc.socket(AF_NETLINK, type, NETLINK_ROUTE));
  try {
    send(fd, Buffer.concat([header, request.body]));
    return receiveAnswer(fd);
  } finally {
    closeFd(fd);
  }
}

/** Reads to the end of the answer. The kernel has made it, or its next part, before send and receive return. */
function receiveAnswer(fd: number): NetlinkMessage[] {
  const found: NetlinkMessage[] = [];
  const buffer = Buffer.alloc(ROOM);
  for (;;) {
    const datagram = receive(fd, buffer);
    if (!datagram) throw new OsError('recvfrom', EAGAIN);
    if (datagram.length > ROOM) throw new OsError('recvfrom', EMSGSIZE);
    for (const { type, flags, body } of messages(buffer.subarray(0, datagram.length))) {
      if (flags & NLM_F_DUMP_INTR) throw new OsError('netlink', EINTR);
      if (type === NLMSG_ERROR || type === NLMSG_DONE) {
        const errno = body.length >= 4 ? -body.readInt32LE(0) : 0;
        if (errno !== 0) throw new OsError('netlink', errno);
        return found;
      }
      found.push({ type, body: Buffer.from(body) });
    }
  }
}

function* messages(datagram: Buffer): Generator<NetlinkMessage & { flags: number }> {
  for (let at = 0; at + HEADER.size <= datagram.length; ) {
    const length = datagram.readUInt32LE(at);
    if (length < HEADER.size || at + length > datagram.length) return;
    yield {
      type: datagram.readUInt16LE(at + HEADER.type),
      flags: datagram.readUInt16LE(at + HEADER.flags),
      body: datagram.subarray(at + HEADER.size, at + length),
    };
    at += Math.ceil(length / 4) * 4;
  }
}
