import { HumfsError } from './error.ts';

/** The file `superblock` of a humfs tree (spec 10.2; humfs.c, read_superblock()). Sizes are bytes. */
export interface Superblock {
  /** 2; the metadata trees of version 1 are still read. */
  version: 1 | 2;
  /** How metadata is stored; `shadow_fs`, in files beside the data, is the only way there ever was. */
  metadata: 'shadow_fs';
  /** Bytes that the data takes. The kernel does not take a file system of which this is 0. */
  used: bigint;
  total: bigint;
  /** Lines that are none of these. The Perl tool ignores them, the kernel mounts no file system that has any. */
  unknown: readonly string[];
}

const FORMAT = 'shadow_fs';

/**
 * Reads a superblock: lines in any order, the last of each sort counts.
 * @throws HumfsError superblock-field, superblock-full, superblock-version, superblock-format
 */
export function parseSuperblock(bytes: Uint8Array): Superblock {
  const values = new Map<string, string>();
  const unknown: string[] = [];
  for (const line of Buffer.from(bytes).toString('latin1').split('\n')) {
    const [, field = '', value = ''] = /^\s*(version|used|total|metadata)\s+([\w-]+)\s*$/.exec(line) ?? [];
    if (field !== '' && (field === 'metadata' || /^\d+$/.test(value))) values.set(field, value);
    else if (line.trim() !== '') unknown.push(line);
  }
  const need = (field: string): string => {
    const value = values.get(field);
    if (value === undefined) throw new HumfsError('superblock-field', 'superblock', { field });
    return value;
  };
  const version = need('version');
  const format = Number(version) === 1 ? (values.get('metadata') ?? FORMAT) : need('metadata');
  const [used, total] = [BigInt(need('used')), BigInt(need('total'))];
  if (used > total) throw new HumfsError('superblock-full', 'superblock', { used, total });
  const known = Number(version) === 1 || Number(version) === 2 ? (Number(version) as 1 | 2) : undefined;
  if (known === undefined) throw new HumfsError('superblock-version', 'superblock', { version });
  if (format !== FORMAT) throw new HumfsError('superblock-format', 'superblock', { format, version });
  return { version: known, metadata: FORMAT, used, total, unknown };
}

/** The bytes of a superblock of version 2, as the Perl tool writes it. */
export function encodeSuperblock({ used, total }: Pick<Superblock, 'used' | 'total'>): Buffer {
  return Buffer.from(`version 2\nmetadata ${FORMAT}\nused ${used}\ntotal ${total}\n`);
}
