import { closeSync, existsSync, fsyncSync, ftruncateSync, openSync, rmSync } from 'node:fs';
import { constants } from 'node:os';
import {
  CowError,
  compactCow,
  convertToCow,
  createCow,
  inspectImage,
  mergeToFile,
  moveBacking,
  rebaseCow,
  restoreTime,
  type Watch,
} from '../../lib/cow/index.ts';
import { errorText, OsError } from '../../lib/os/index.ts';
import { progressBar } from '../progress.ts';
import { STATUS, sizeText } from './outcome.ts';
import type { Request } from './request.ts';

/** Runs long work with a bar on the terminal. */
async function watched<T>(signal: AbortSignal, work: (watch: Watch) => Promise<T>): Promise<T> {
  const bar = progressBar();
  try {
    return await work({ signal, progress: bar.update });
  } finally {
    bar.end();
  }
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}

/** `create`: an empty COW file, and its backing file if a size is given. */
export function create({ cow, backing, size, force }: Request<'create'>): number {
  if (size !== undefined) createBacking(backing, size);
  else if (inspectImage(backing).cow) throw new CowError('cow-backing', backing);
  try {
    createCow({ cow, backing, ...(force && { replace: true }) });
  } catch (error) {
    if (size !== undefined) rmSync(backing, { force: true });
    throw error;
  }
  return STATUS.success;
}

/** A file that is one hole, never in place of another. */
function createBacking(path: string, size: number): void {
  let fd: number | undefined;
  try {
    fd = openSync(path, 'wx');
    ftruncateSync(fd, size);
    fsyncSync(fd);
  } catch (error) {
    if (fd !== undefined) rmSync(path, { force: true });
    throw new CowError('system', path, { text: errorText(error) }, error);
  } finally {
    if (fd !== undefined) closeSync(fd);
  }
}

/** `convert`: a COW file to a plain image, or any image to a COW file over another backing file. */
export async function convert({ image, output, backing, force }: Request<'convert'>, signal: AbortSignal) {
  await watched(signal, async (watch) => {
    if (backing !== undefined) {
      return convertToCow({ image, backing, cow: output, ...watch, ...(force && { replace: true }) });
    }
    if (existsSync(output) && !force) throw alreadyThere(output);
    return mergeToFile({ cow: image, output, ...watch });
  });
  return STATUS.success;
}

function alreadyThere(path: string): CowError {
  const error = new OsError('open', constants.errno.EEXIST);
  return new CowError('system', path, { text: errorText(error) }, error);
}

/** `compact`: the COW file anew, with only what it needs to hold. */
export async function compact({ cow }: Request<'compact'>, signal: AbortSignal): Promise<number> {
  const { before, after } = await watched(signal, (watch) => compactCow({ cow, ...watch }));
  say(`${cow}: ${sizeText(before)} on the disk before, ${sizeText(after)} now`);
  return STATUS.success;
}

/** `rebase`: another backing file, the same one under another name, or its time mended. */
export async function rebase({ cow, backing, move, touch, force }: Request<'rebase'>, signal: AbortSignal) {
  if (touch) {
    const mended = await restoreTime(cow);
    say(`${mended.backing}: modification time ${mended.before} before, ${mended.after} now`);
  } else if (backing !== undefined && move) {
    const name = await watched(signal, (watch) => moveBacking({ cow, to: backing, ...watch }));
    say(`${cow}: its backing file is now ${name}; other COW files over it need \`uml cow rebase COW ${name}\``);
  } else if (backing !== undefined) {
    const options = { cow, backing, ...(force && { unproven: true as const }) };
    const copied = await watched(signal, (watch) => rebaseCow({ ...options, ...watch }));
    say(`${cow}: its backing file is now ${backing}; ${copied} bytes of the old one were copied into it`);
  }
  return STATUS.success;
}
