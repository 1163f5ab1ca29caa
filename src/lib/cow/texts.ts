import type { CowErrorCode } from './error.ts';

/** Numbers and words that a message is made of. */
export type ErrorDetails = Readonly<Record<string, string | number>>;

/** The message of a CowError: one line, for a user. */
export function errorMessage(code: CowErrorCode, path: string, d: ErrorDetails): string {
  switch (code) {
    case 'system':
      return `${path}: ${d.text}`;
    case 'locked':
      return d.pid
        ? `"${path}" is in use by process ${d.pid}`
        : `"${path}" is in use by another process, which holds a lock on it`;
    case 'not-a-disk':
      return `"${path}" is neither a file nor a block device`;
    case 'not-cow':
      return `"${path}" is not a COW file`;
    case 'header-short':
      return `"${path}" ends inside its COW header`;
    case 'header-version':
      return `"${path}" is a COW file of unknown version ${d.version}`;
    case 'header-field':
      return `the COW header of "${path}" is damaged: ${d.field} is ${d.value}`;
    case 'truncated':
      return `"${path}" is cut off: it needs ${d.expected} bytes and has ${d.actual}`;
    case 'no-bitmap-room':
      return `"${path}": this old COW layout has no room in its bitmap for sectors from ${d.sector} on`;
    case 'size-mismatch':
      return `${mismatch('Size', d)} "${path}"`;
    case 'mtime-mismatch':
      return `${mismatch('mtime', d)} "${path}"`;
    case 'name-too-long':
      return umlText.nameTooLong(path, Number(d.limit));
    case 'same-file':
      return `"${path}" is the same file as the ${d.role} "${d.other}"`;
    case 'target-small':
      return `"${path}" has room for ${d.actual} bytes, the image needs ${d.expected}`;
    case 'target-size':
      return `"${path}" has ${d.actual} bytes, its backing file "${d.other}" ${d.expected}`;
    case 'cow-backing':
      return `"${path}" is a COW file: UML would take it as it is for an image`;
    case 'merge-begun':
      return `a merge of "${path}" into its backing file was begun: uml_moo -d finishes it`;
    case 'unproven':
      return `nothing shows that "${path}" is the right backing file: ${d.reason}`;
    case 'not-movable':
      return `"${path}" is a link or a device: only a file can be moved`;
    case 'read-only':
      return `"${path}" is open read-only`;
    case 'closed':
      return `"${path}" is closed`;
    case 'out-of-range':
      return `${d.length} bytes at ${d.offset} are not whole sectors of "${path}"`;
  }
}

function mismatch(what: string, d: ErrorDetails): string {
  return `${what} mismatch (${d.expected} vs ${d.actual}) of COW header vs backing file`;
}

/**
 * What UML prints into its kernel log while it opens a disk, and the C tools on stdout (spec 6.3, 6.4; the kernel's
 * ubd_kern.c, cow_user.c, os-Linux/file.c).
 */
export const umlText = {
  creating: (cow: string, backing: string) => `Creating "${cow}" as COW file for "${backing}"`,
  createFailed: (cow: string, errno: number) => `Open of COW file '${cow}' failed, errno = ${errno}`,
  openFailed: (file: string, errno: number) => `Failed to open '${file}', errno = ${errno}`,
  notLocking: (file: string) => `Not locking "${file}" on the host`,
  alreadyLocked: (pid: number) => `F_SETLK failed, file already locked by pid ${pid}`,
  lockFailed: (file: string, errno: number) => `Failed to lock '${file}', err = ${errno}`,
  headerFailed: (cow: string, errno: number) => `Failed to read COW header from COW file "${cow}", errno = ${errno}`,
  backingDiffers: (asked: string, recorded: string, cow: string) =>
    `Backing file mismatch - "${asked}" requested, "${recorded}" specified in COW header of "${cow}"`,
  switching: (backing: string) => `Switching backing file to '${backing}'`,
  switchFailed: (errno: number) => `Switch failed, errno = ${errno}`,
  statFailed: (file: string, errno: number) => `Couldn't stat '${file}', err = ${errno}`,
  modtimeFailed: (file: string, errno: number) =>
    `Failed to get modification time of backing file "${file}", err = ${errno}`,
  sizeMismatch: (expected: number, actual: number) => mismatch('Size', { expected, actual }),
  mtimeMismatch: (expected: number, actual: number) => mismatch('mtime', { expected, actual }),
  cantChangeTo: (file: string, errno: number) => `absolutize : Can't cd to '${file}' - errno = ${errno}`,
  nameTooLong: (name: string, limit: number) =>
    `Backing file name "${name}" is too long - names are limited to ${limit} characters`,
  headerModtimeFailed: (backing: string, errno: number) =>
    `write_cow_header - backing file '${backing}' mtime request failed, err = ${errno}`,
  headerWriteFailed: (cow: string, errno: number) =>
    `write_cow_header - write of header to new COW file '${cow}' failed, err = ${errno}`,
  broken64: 'read_cow_header - broken V3 file with 64-bit layout - recovering content.',
} as const;

/** The line that the C code prints for a header that it can't use; undefined where it prints none (spec 6.3). */
export function headerComplaint(code: CowErrorCode, d: ErrorDetails): string | undefined {
  if (code === 'header-short') {
    return d.version === undefined
      ? 'read_cow_header - short header'
      : `read_cow_header - failed to read V${d.version} header`;
  }
  if (code === 'header-version') return 'read_cow_header - invalid COW version';
  if (code !== 'header-field') return undefined;
  if (d.field === 'alignment' && d.value === 0) return 'read_cow_header - invalid COW header, align == 0';
  return `read_cow_header - invalid COW header, ${d.field} is ${d.value}`;
}
