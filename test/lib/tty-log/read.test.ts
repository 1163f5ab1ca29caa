import { appendFileSync, truncateSync, writeFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { encodeRecord, openLog, type TtyRecord } from '../../../src/lib/tty-log/index.ts';
import { readRecords } from '../../../src/lib/tty-log/read.ts';
import { runProgram, temporaryDirectory } from '../../support/run.ts';
import { logOf, SESSION, writeLog } from './records.ts';

async function all(path: string): Promise<{ records: TtyRecord[]; error: unknown }> {
  const records: TtyRecord[] = [];
  try {
    for await (const record of readRecords(path)) records.push(record);
    return { records, error: undefined };
  } catch (error) {
    return { records, error };
  }
}

test('all records, also those that lie across the pieces in which the file is read', async () => {
  const long: TtyRecord = { op: 'write', tty: 1, time: 0, data: Buffer.alloc(200_000, 'x') };
  const records = [...SESSION, long, ...SESSION, long];
  const path = writeLog(join(temporaryDirectory(), 'log'), records);
  expect(await all(path)).toEqual({ records, error: undefined });
  expect(await all(writeLog(path, []))).toEqual({ records: [], error: undefined });
});

test('a log that is cut gives its whole records, then says where it ends', async () => {
  const path = writeLog(join(temporaryDirectory(), 'log'));
  const whole = logOf(SESSION.slice(0, -1)).length;
  truncateSync(path, whole + 10);
  expect(await all(path)).toEqual({
    records: SESSION.slice(0, -1),
    error: expect.objectContaining({
      code: 'TRUNCATED',
      offset: whole,
      message: `it ends in the middle of a record: 10 bytes of 24 are there from byte ${whole} on`,
    }),
  });
});

test('a log that is damaged gives the records before the damage', async () => {
  const path = join(temporaryDirectory(), 'log');
  const good = logOf(SESSION.slice(0, 2));
  writeFileSync(path, Buffer.concat([good, Buffer.alloc(24, 0xff), logOf(SESSION)]));
  expect(await all(path)).toEqual({
    records: SESSION.slice(0, 2),
    error: expect.objectContaining({ code: 'MALFORMED', offset: good.length }),
  });
});

test('a log that comes through a pipe is gone through as often as a file', async () => {
  const pipe = join(temporaryDirectory(), 'pipe');
  await runProgram('mkfifo', [pipe]);
  const cut = logOf(SESSION).subarray(0, -1);
  const [log] = await Promise.all([openLog(pipe), writeFile(pipe, cut)]);
  for (const _pass of ['first', 'second']) {
    const records: TtyRecord[] = [];
    const reading = async () => {
      for await (const record of log()) records.push(record);
    };
    await expect(reading()).rejects.toMatchObject({ code: 'TRUNCATED' });
    expect(records).toEqual(SESSION.slice(0, -1));
  }
});

test('a followed log gives records as they are completed, piece by piece', async () => {
  const path = writeLog(join(temporaryDirectory(), 'log'), SESSION.slice(0, 1));
  const end = new AbortController();
  const records = readRecords(path, { follow: true, signal: end.signal });
  const next = async () => (await records.next()).value;
  expect(await next()).toEqual(SESSION[0]);
  for (const record of SESSION.slice(1)) {
    const coming = next();
    const bytes = encodeRecord(record);
    appendFileSync(path, bytes.subarray(0, 9));
    await new Promise(setImmediate); // the reader may look at the half
    appendFileSync(path, bytes.subarray(9));
    expect(await coming).toEqual(record);
  }
  const last = next();
  end.abort();
  expect(await last).toBeUndefined();
});

test('a followed log that gets shorter is no log to go on with', async () => {
  const path = writeLog(join(temporaryDirectory(), 'log'));
  const records = readRecords(path, { follow: true });
  for (const record of SESSION) expect((await records.next()).value).toEqual(record);
  truncateSync(path, 5);
  await expect(records.next()).rejects.toMatchObject({ code: 'SHRUNK', offset: 5 });
});
