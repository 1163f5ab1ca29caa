import { errnoOf, OsError, strerror } from '../os/index.ts';

/** What the kernel was asked, by the names of linux/sockios.h and asm/ioctls.h; `write` for a file of /proc/sys. */
export type Request =
  | 'SIOCSIFADDR'
  | 'SIOCSIFNETMASK'
  | 'SIOCSIFMTU'
  | 'SIOCGIFFLAGS'
  | 'SIOCSIFFLAGS'
  | 'SIOCGIFHWADDR'
  | 'SIOCADDRT'
  | 'SIOCDELRT'
  | 'SIOCSARP'
  | 'SIOCDARP'
  | 'TIOCSETD'
  | 'SIOCSIFENCAP'
  | 'SIOCGIFNAME'
  | 'read'
  | 'write';

/** The kernel refused. `request` says what, `code` the errno's name; the message is `<request>: <the C library's text>`. */
export class HostNetError extends Error {
  override readonly name = 'HostNetError';
  readonly code: string;
  readonly request: Request;
  /** Positive. */
  readonly errno: number;

  constructor(request: Request, errno: number, cause?: unknown) {
    super(`${request}: ${strerror(errno)}`, { cause });
    this.code = new OsError(request, errno).code;
    this.request = request;
    this.errno = errno;
  }
}

/** Runs `action`; its failure is a HostNetError of this request. */
export function asking<T>(request: Request, action: () => T): T {
  try {
    return action();
  } catch (error) {
    const errno = errnoOf(error);
    if (errno === undefined) throw error;
    throw new HostNetError(request, errno, error);
  }
}
