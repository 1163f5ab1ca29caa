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
