import { closeSync, writeSync } from 'node:fs';
import { constants } from 'node:os';
import { errnoOf, send, sendWithDescriptor, strerror } from '../lib/os/index.ts';
import {
  type Call,
  encodeRecord,
  encodeTapMessage,
  type Outcome,
  parseCall,
  perform,
  UmlNetError,
  type UmlNetErrorDetail,
  type Version,
} from '../lib/uml-net/index.ts';

const STDOUT = 1;
const STDERR = 2;

/**
 * uml_net: does for UML's kernel what needs CAP_NET_ADMIN (spec 11.1). All of it happens before the event loop turns,
 * so that descriptors and signals of a caller with fewer rights are never listened to.
 */
export function main(args: readonly string[]): number {
  if (process.geteuid?.() !== process.getuid?.()) {
    return complain('uml_net : never set-uid root: it needs CAP_NET_ADMIN only, see uml_net(8)');
  }
  try {
    const call = parseCall(args);
    const groups = [process.getgid?.() ?? 0, ...(process.getgroups?.() ?? [])];
    return answer(call, perform(call, { uid: process.getuid?.() ?? 0, groups }));
  } catch (error) {
    if (!(error instanceof UmlNetError)) throw error;
    return refuse(error.message, error.detail);
  }
}

function answer(call: Call, outcome: Outcome): number {
  if (call.kind !== 'tap-up') {
    tell(call.version, outcome.text);
    return outcome.status;
  }
  const status = sendTap(call.socket, outcome) || outcome.status;
  if (outcome.tap) closeSync(outcome.tap.fd);
  if (status === 0 && call.version === 3) tell(call.version, '');
  return status;
}

function refuse(message: string, detail: UmlNetErrorDetail): number {
  switch (detail.code) {
    case 'USAGE':
    case 'VERSION':
      return complain(message);
    case 'TRANSPORT':
    case 'NO_HANDLER':
      writeSync(STDOUT, `${message}\n`);
      return 1;
    case 'OPERATION':
      writeSync(detail.transport === 'tuntap' ? STDERR : STDOUT, `${message}\n`);
      return 1;
    case 'ARGUMENTS':
      if (detail.socket !== undefined) return sendTap(detail.socket, { text: `${message}\n` });
      tell(detail.version, `${message}\n`);
      return 1;
    case 'ETHERTAP':
      if (detail.control !== undefined) sayFailed(detail.control);
      tell(detail.version, `${message}\n`);
      return 1;
  }
}

/** The message that the kernel waits for. 1 if it could not be sent. */
function sendTap(socket: number, { tap, text }: Pick<Outcome, 'tap' | 'text'>): 0 | 1 {
  const message = encodeTapMessage(tap?.name, text);
  try {
    const sent = tap ? sendWithDescriptor(socket, message, tap.fd) : send(socket, message);
    if (sent !== undefined) return 0;
    return complain(`sendmsg: ${strerror(constants.errno.EAGAIN)}`);
  } catch (error) {
    return complain(`sendmsg: ${reason(error)}`);
  }
}

/** The byte that an ethertap's kernel waits for. */
function sayFailed(control: number): void {
  try {
    writeSync(control, Buffer.alloc(1));
  } catch (error) {
    complain(`Writing failure byte: ${reason(error)}`);
  }
}

/** Versions 3 and 4 read a record from standard output, in two writes; the others left it to standard error. */
function tell(version: Version, text: string): void {
  if (version < 3) {
    writeSync(STDERR, text);
    return;
  }
  const { length, bytes } = encodeRecord(text);
  writeSync(STDOUT, length);
  writeSync(STDOUT, bytes);
}

function complain(message: string): 1 {
  writeSync(STDERR, `${message}\n`);
  return 1;
}

/** The C library's text, or what is not the system's doing passed on. */
function reason(error: unknown): string {
  const errno = errnoOf(error);
  if (errno === undefined) throw error;
  return strerror(errno);
}
