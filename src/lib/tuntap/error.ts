import { constants } from 'node:os';
import { strerror } from '../os/index.ts';

const { ENAMETOOLONG } = constants.errno;

/** The requests of linux/if_tun.h, by the name that the C tunctl has them under in its messages. */
export type TuntapRequest = 'TUNSETIFF' | 'TUNSETOWNER' | 'TUNSETGROUP' | 'TUNSETPERSIST' | 'TUNGETIFF';

export type TuntapErrorDetail =
  /** The clone device (/dev/net/tun) can't be opened. */
  | { code: 'OPEN'; step: 'open'; errno: number; path: string }
  /** The name is longer than the kernel's 15 bytes (ENAMETOOLONG), or holds a NUL (EINVAL). */
  | { code: 'NAME'; step: 'name'; errno: number; device: string }
  /** No device has this name. */
  | { code: 'NO_DEVICE'; step: 'delete' | 'carrier'; errno: number; device: string }
  /** A device that no program has open can't be given a carrier. */
  | { code: 'NOT_OPEN'; step: 'carrier'; errno: number; device: string }
  /** The kernel refused: `step` says which request. */
  | { code: 'REQUEST'; step: TuntapRequest; errno: number; device: string }
  /** The kernel refused to tell of the devices, or to change a device's carrier. */
  | { code: 'NETLINK'; step: 'list' | 'delete' | 'carrier'; errno: number; device?: string };

/**
 * Something about TUN/TAP devices failed. `step` is where, `errno` the positive number of the cause; the message is the
 * C tunctl's where it has one.
 */
export class TuntapError extends Error {
  override readonly name = 'TuntapError';
  readonly code: TuntapErrorDetail['code'];
  readonly step: TuntapErrorDetail['step'];
  readonly errno: number;
  readonly device: string | undefined;

  constructor(detail: TuntapErrorDetail, cause?: unknown) {
    super(textOf(detail), { cause });
    this.code = detail.code;
    this.step = detail.step;
    this.errno = detail.errno;
    this.device = 'device' in detail ? detail.device : undefined;
  }
}

function textOf(detail: TuntapErrorDetail): string {
  const reason = strerror(detail.errno);
  switch (detail.code) {
    case 'OPEN':
      return `Failed to open '${detail.path}' : ${reason}`;
    case 'NAME':
      return `'${detail.device}' ${detail.errno === ENAMETOOLONG ? TOO_LONG : WITH_NUL}`;
    case 'REQUEST':
      return `${detail.step}: ${reason}`;
    case 'NOT_OPEN':
      return `${FAILURES.carrier} '${detail.device}' : no program has it open`;
    case 'NO_DEVICE':
    case 'NETLINK':
      return `${FAILURES[detail.step]}${detail.device === undefined ? '' : ` '${detail.device}'`} : ${reason}`;
  }
}

const TOO_LONG = 'is too long for the name of a device: 15 bytes at most';
const WITH_NUL = 'holds a NUL, which no name of a device does';

const FAILURES = {
  list: 'Failed to list the devices',
  delete: 'Failed to delete',
  carrier: 'Failed to set the carrier of',
} as const;
