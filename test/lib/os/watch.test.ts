import { closeSync, constants, openSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import {
  bind,
  closeFd,
  connect,
  OsError,
  rawAddress,
  receive,
  send,
  sendTo,
  type UnixAddress,
  unixSocket,
  type Watcher,
  type WatchHandlers,
  watch,
} from '../../../src/lib/os/index.ts';
import { runProgram, temporaryDirectory } from '../../support/run.ts';
import { spawnSource } from '../../support/source.ts';

const os = new URL('../../../src/lib/os/index.ts', import.meta.url);

const cleanup: (() => void)[] = [];
afterEach(() => {
  for (const undo of cleanup.splice(0).reverse()) undo();
});

let count = 0;
function abstractName(): UnixAddress {
  return rawAddress(Buffer.from(`\0uml-watch-${process.pid}-${++count}`));
}

function socket(address = abstractName()): { fd: number; address: UnixAddress } {
  const fd = unixSocket('dgram');
  cleanup.push(() => closeFd(fd));
  bind(fd, address);
  return { fd, address };
}

function watching(fd: number, handlers: WatchHandlers): Watcher {
  const watcher = watch(fd, handlers);
  cleanup.push(() => watcher.close());
  return watcher;
}

/** A full turn of the event loop: what was ready has been reported. */
async function turn(): Promise<void> {
  for (let i = 0; i < 3; i++) await new Promise((resolve) => setTimeout(resolve, 0));
}

const buffer = Buffer.alloc(64);

test('tells of a datagram again and again until it is read', async () => {
  const { fd, address } = socket();
  const seen: number[] = [];
  await new Promise<void>((done) => {
    watching(fd, {
      readable() {
        seen.push(seen.length);
        if (seen.length < 3) return;
        expect(receive(fd, buffer)?.length).toBe(5);
        done();
      },
    });
    sendTo(fd, Buffer.from('hello'), address);
  });
  await turn();
  expect(seen).toEqual([0, 1, 2]);
});

test('says nothing while paused, and goes on after', async () => {
  const { fd, address } = socket();
  let calls = 0;
  const handlers: WatchHandlers = { readable: () => void calls++ };
  const watcher = watching(fd, handlers);
  watcher.set({});
  sendTo(fd, Buffer.from('x'), address);
  await turn();
  expect(calls).toBe(0);
  await new Promise<void>((done) =>
    watcher.set({
      readable: () => {
        watcher.set({});
        done();
      },
    }),
  );
});

test('tells when a full queue can be written again', async () => {
  const receiver = socket();
  const sender = unixSocket('dgram');
  cleanup.push(() => closeFd(sender));
  connect(sender, receiver.address);
  while (send(sender, Buffer.from('fill')) !== undefined);
  let writable = 0;
  const watcher = watching(sender, { writable: () => void writable++ });
  await turn();
  expect(writable).toBe(0);
  const told = new Promise<void>((done) =>
    watcher.set({
      writable: () => {
        watcher.set({});
        done();
      },
    }),
  );
  while (receive(receiver.fd, buffer));
  await told;
  expect(send(sender, Buffer.from('more'))).toBe(4);
});

test('a handler that closes the watch is the last one to be called', async () => {
  const { fd, address } = socket();
  const calls: string[] = [];
  sendTo(fd, Buffer.from('x'), address);
  const watcher = watching(fd, {
    readable: () => {
      calls.push('readable');
      watcher.close();
    },
    writable: () => void calls.push('writable'),
  });
  await turn();
  expect(calls).toEqual(['readable']);
});

test('a handler that was replaced within an event is not called any more', async () => {
  const { fd, address } = socket();
  const calls: string[] = [];
  sendTo(fd, Buffer.from('x'), address);
  await new Promise<void>((done) => {
    const watcher = watching(fd, {
      readable: () =>
        watcher.set({
          writable: () => {
            calls.push('new');
            watcher.set({});
            done();
          },
        }),
      writable: () => void calls.push('old'),
    });
  });
  await turn();
  expect(calls).toEqual(['new']);
});

test('the descriptor can be closed, and its number used again, inside a handler', async () => {
  const first = unixSocket('dgram');
  const address = abstractName();
  bind(first, address);
  const second = await new Promise<{ fd: number; address: UnixAddress }>((done) => {
    const watcher = watch(first, {
      readable() {
        watcher.close();
        closeFd(first);
        const next = socket();
        watching(next.fd, {
          readable: () => {
            receive(next.fd, buffer);
            done(next);
          },
        });
        sendTo(next.fd, Buffer.from('x'), next.address);
      },
    });
    sendTo(first, Buffer.from('x'), address);
  });
  expect(second.fd).toBe(first);
});

test('promises and ticks that a handler starts are settled without waiting for another event', async () => {
  const { fd, address } = socket();
  const order: string[] = [];
  await new Promise<void>((done) => {
    const watcher = watching(fd, {
      readable() {
        watcher.close();
        setImmediate(() => {
          order.push('immediate');
          done();
        });
        process.nextTick(() => order.push('tick'));
        Promise.resolve().then(() => order.push('promise'));
      },
    });
    sendTo(fd, Buffer.from('x'), address);
  });
  expect(order).toEqual(['tick', 'promise', 'immediate']);
});

test('many watches come and go', async () => {
  const sockets = Array.from({ length: 200 }, () => socket());
  for (let round = 0; round < 5; round++) {
    let left = sockets.length;
    await new Promise<void>((done) => {
      for (const { fd, address } of sockets) {
        const watcher = watch(fd, {
          readable() {
            receive(fd, buffer);
            watcher.close();
            if (--left === 0) done();
          },
        });
        sendTo(fd, Buffer.from('x'), address);
      }
    });
  }
});

test('a pipe without a reader calls the writer, who learns of EPIPE by writing', async () => {
  const fifo = join(temporaryDirectory(), 'fifo');
  await runProgram('mkfifo', [fifo]);
  const reader = openSync(fifo, constants.O_RDONLY | constants.O_NONBLOCK);
  const writer = openSync(fifo, constants.O_WRONLY | constants.O_NONBLOCK);
  cleanup.push(() => closeSync(writer));
  const filler = Buffer.alloc(65_536);
  writeFileSync(writer, filler);
  const told = new Promise<unknown>((done) => {
    const watcher = watching(writer, {
      writable() {
        watcher.close();
        try {
          writeFileSync(writer, 'x');
        } catch (error) {
          done(error);
        }
      },
    });
  });
  closeSync(reader);
  expect(await told).toMatchObject({ code: 'EPIPE' });
});

test('an error that passes does not end the watch', async () => {
  const [a, b, c] = [socket(), socket(), socket()];
  connect(a.fd, b.address);
  connect(b.fd, a.address);
  send(a.fd, Buffer.from('lost'));
  connect(b.fd, c.address); // throws a's datagram away, which a is told by ECONNRESET
  const heard: string[] = [];
  await new Promise<void>((done) => {
    watching(a.fd, {
      readable() {
        try {
          heard.push(buffer.toString('latin1', 0, receive(a.fd, buffer)?.length));
          if (heard.includes('again')) done();
        } catch (error) {
          heard.push((error as OsError).code);
          connect(b.fd, a.address);
          send(b.fd, Buffer.from('again'));
        }
      },
    });
  });
  expect(heard).toEqual(['ECONNRESET', 'again']);
});

test('refuses a descriptor that is watched already, and one that can not be', () => {
  const { fd } = socket();
  watching(fd, { readable() {} });
  expect(() => watch(fd, {})).toThrow(expect.objectContaining({ name: 'OsError', code: 'EEXIST' }));
  const file = openSync(join(temporaryDirectory(), 'file'), 'w');
  cleanup.push(() => closeSync(file));
  expect(() => watch(file, {})).toThrow(OsError);
});

/** A process that watches a socket with an unread datagram in it. */
function watcherProcess(code: string): ReturnType<typeof spawnSource> {
  return spawnSource(
    os,
    `const name = it.rawAddress(Buffer.from('\\0uml-watch-child-' + process.pid));
     const fd = it.unixSocket('dgram');
     it.bind(fd, name);
     it.sendTo(fd, Buffer.from('x'), name);
     ${code}`,
  );
}

test('an exception in a handler is an uncaught exception, at once', async () => {
  const child = watcherProcess(`
    process.on('uncaughtException', (error) => { console.log(error.message); process.exit(3); });
    const watcher = it.watch(fd, { readable() { watcher.set({}); throw new Error('from the handler'); } });
  `);
  expect(await child.exit()).toMatchObject({ status: 3, stdout: 'from the handler\n' });
});

test('a watch keeps the process alive until it is closed or let go', async () => {
  const closed = watcherProcess(
    `const watcher = it.watch(fd, { readable() { console.log('told'); watcher.close(); } });`,
  );
  expect(await closed.exit()).toMatchObject({ status: 0, stdout: 'told\n', stderr: '' });
  const letGo = watcherProcess(`it.watch(fd, { readable() {} }).unref();`);
  expect(await letGo.exit()).toMatchObject({ status: 0, stderr: '' });
});

test('a process can exit inside a handler', async () => {
  const child = watcherProcess(`it.watch(fd, { readable() { process.exit(5); } });`);
  expect(await child.exit()).toMatchObject({ status: 5, signal: null, stderr: '' });
});

test('a worker is refused: its event loop is another one', async () => {
  const child = spawnSource(
    os,
    `import { Worker } from 'node:worker_threads';
     const source = 'import(' + JSON.stringify(${JSON.stringify(os.href)}) + ').then((it) => it.watch(0, {}))';
     new Worker(source, { eval: true }).on('error', (error) => console.log(error.message));`,
  );
  const { stdout } = await child.exit();
  expect(stdout).toContain('watch() is for the main thread');
});
