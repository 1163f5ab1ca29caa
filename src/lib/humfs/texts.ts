import type { HumfsErrorCode } from './error.ts';

/** Numbers and words that a message is made of. */
export type ErrorDetails = Readonly<Record<string, string | number | bigint>>;

/** The message of a HumfsError: one line, for a user. The wording is the Perl tool's where that has one. */
export function errorMessage(code: HumfsErrorCode, path: string, d: ErrorDetails): string {
  const name = shown(path);
  switch (code) {
    case 'system':
      return `Couldn't ${d.call} '${name}' - ${d.text}`;
    case 'superblock-field':
      return `Bogus superblock - ${d.field} not defined`;
    case 'superblock-full':
      return 'Bogus superblock - used > total';
    case 'superblock-version':
      return `Unsupported version - ${d.version}`;
    case 'superblock-format':
      return `Metadata format '${d.format}' isn't supported by version ${d.version}`;
    case 'superblock-line':
      return `Bogus superblock - the line '${shown(String(d.line))}'`;
    case 'metadata-field':
      return `Bogus ${d.field} in '${name}'`;
    case 'no-metadata':
      return 'There is no metadata, so nothing can be undone';
    case 'changed':
      return `'${name}' came while humfsify was at work; run it again`;
    case 'too-small':
      return `Current disk usage greater than the requested size - ${d.used} vs ${d.total}`;
    case 'mounted':
      return `Another file system is mounted on '${name}'; unmount it first`;
    case 'not-permitted':
      return `Only root can give '${name}' to ${d.uid}, ${d.gid}: it belongs to ${d.ownerUid}, ${d.ownerGid}`;
    case 'busy':
      return 'Another humfsify is at work in this directory';
    case 'not-empty':
      return `'${name}' is a device in the metadata and holds data; left as it is`;
    case 'wrong-type':
      return `'${name}' is ${d.actual}, its metadata says ${d.expected}; left as it is`;
    case 'orphan':
      return `'${name}' is the metadata of a file that is not there`;
    case 'interrupted':
      return 'Interrupted; run it again to go on';
  }
}

/** A file name that is fit for a terminal: as UTF-8 where it is that, every other byte as \ooo. */
export function shown(path: string): string {
  const text = new TextDecoder('utf-8', { fatal: true });
  try {
    return escaped(text.decode(Buffer.from(path, 'latin1')), /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\\]/gu);
  } catch {
    return escaped(path, /[^ -[\]-~]/g);
  }
}

function escaped(text: string, unfit: RegExp): string {
  return text.replace(unfit, (character) =>
    Array.from(Buffer.from(character, /[^\0-\xff]/.test(character) ? 'utf8' : 'latin1'))
      .map((byte) => (byte === 0x5c ? '\\\\' : `\\${byte.toString(8).padStart(3, '0')}`))
      .join(''),
  );
}
