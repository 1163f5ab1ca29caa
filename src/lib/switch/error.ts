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
  steps: { call: 'bind' | 'connect' | 'unlink'; errno: number | 'not-socket' }[];
}

export type SwitchErrorDetail =
  | { code: 'SOCKETS'; control: SocketTrouble | undefined; data: SocketTrouble | undefined }
  /** The tap device could not be had: `open` of /dev/net/tun, or naming the device. */
  | { code: 'TAP'; step: 'open' | 'name'; errno: number }
  /** The thread that moves the frames died. */
  | { code: 'PLANE'; reason: string };

/** A switch could not be started, or could not go on. `detail` says which part and why; messages.ts has the texts. */
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
