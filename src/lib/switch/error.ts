import type { Attachment } from './ports.ts';

/** What went wrong on the guest's side of a switch; the texts are the UML kernel's (drivers/daemon_user.c). */
const TEXTS = {
  CONTROL_SOCKET: (errno) => `daemon_open : control socket failed, errno = ${errno}`,
  CONTROL_CONNECT: (errno) => `daemon_open : control connect failed, errno = ${errno}`,
  DATA_SOCKET: (errno) => `daemon_open : data socket failed, errno = ${errno}`,
  DATA_BIND: (errno) => `daemon_open : data bind failed, errno = ${errno}`,
  SETUP_REQUEST: (errno) => `daemon_open : control setup request failed, err = ${-errno}`,
  DATA_READ: (errno) => `daemon_open : read of data socket failed, err = ${-errno}`,
} satisfies Record<string, (errno: number) => string>;

export type DaemonErrorCode = keyof typeof TEXTS;

/** A guest could not attach to a switch. `code` is the step, `errno` the positive number of the cause. */
export class DaemonError extends Error {
  override readonly name = 'DaemonError';
  readonly code: DaemonErrorCode;
  readonly errno: number;

  constructor(code: DaemonErrorCode, errno: number, cause?: unknown) {
    super(TEXTS[code](errno), { cause });
    this.code = code;
    this.errno = errno;
  }
}

/** Why a socket file could not be made. */
export interface SocketTrouble {
  path: string;
  /** Another program serves it, or it can't be made or removed. */
  reason: 'in-use' | 'stuck';
  /** The calls that failed on the way. */
  steps: { call: 'bind' | 'chmod' | 'chown' | 'connect' | 'mkdir' | 'unlink'; errno: number | 'not-socket' }[];
}

/**
 * Why a descriptor can't be a port: there is none of this number, it is a stream, it has no peer, it is a device for
 * packets without Ethernet headers, its frames have headers of the device's own, or it is something else altogether.
 */
export type DescriptorTrouble = 'closed' | 'stream' | 'unconnected' | 'tun' | 'header' | 'other';

/** Sockets beside those of the daemon protocol. */
export type ListenKind = 'bess' | 'vde' | 'console';

export type SwitchErrorDetail =
  | { code: 'SOCKETS'; control: SocketTrouble | undefined; data: SocketTrouble | undefined }
  /** The tap device could not be had: `open` of /dev/net/tun, or naming the device. */
  | { code: 'TAP'; device: string; step: 'open' | 'name'; errno: number }
  /** There is no port of this number. */
  | { code: 'PORT'; port: number }
  /** All numbers of ports are in use. */
  | { code: 'PORTS'; limit: number }
  /** Not the number of a VLAN: 1 to 4094. */
  | { code: 'VLAN'; vlan: number }
  /** A trunk that carries no VLAN. */
  | { code: 'TRUNK'; port: number }
  /** The port is asked to get copies of its own frames. */
  | { code: 'MIRROR'; port: number }
  /** Not a number of seconds after which an address is forgotten. */
  | { code: 'AGEING'; seconds: number }
  /** Not an Ethernet address. */
  | { code: 'ADDRESS'; address: string }
  /** An inherited descriptor that can't be a port. */
  | { code: 'DESCRIPTOR'; fd: number; reason: DescriptorTrouble }
  /** Another port that was asked for could not be had: the call that failed. */
  | { code: 'ATTACH'; attachment: Attachment; call: string; errno: number }
  /** Nobody can connect to a BESS socket, to a directory as vde_switch has it, or to the console. */
  | { code: 'LISTEN'; kind: ListenKind; trouble: SocketTrouble }
  /** The thread that moves the frames died. */
  | { code: 'PLANE'; reason: string };

/** A switch could not be started, could not go on, or can't do what it is asked for. `detail` says which part and why; messages.ts has the texts. */
export class SwitchError extends Error {
  override readonly name = 'SwitchError';
  readonly code: SwitchErrorDetail['code'];
  readonly detail: SwitchErrorDetail;

  constructor(detail: SwitchErrorDetail) {
    super(`the switch failed: ${detail.code}`);
    this.code = detail.code;
    this.detail = detail;
  }
}
