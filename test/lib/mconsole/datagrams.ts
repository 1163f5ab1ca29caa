import {
  bind,
  closeFd,
  pathAddress,
  receive,
  sendTo,
  type UnixAddress,
  unixSocket,
  watch,
} from '../../../src/lib/os/index.ts';

/** A bare datagram socket at a path: the other side of what is under test, without any of its code. */
export interface BareSocket extends Disposable {
  send(data: Uint8Array, to: string | UnixAddress): void;
  next(): Promise<{ data: Buffer; from: UnixAddress }>;
}

export function bareSocket(path: string): BareSocket {
  const fd = unixSocket('dgram');
  bind(fd, pathAddress(path));
  const queue: { data: Buffer; from: UnixAddress }[] = [];
  let wake = () => {};
  const buffer = Buffer.alloc(65536);
  const watcher = watch(fd, {
    readable() {
      for (let got = receive(fd, buffer); got; got = receive(fd, buffer)) {
        queue.push({ data: Buffer.from(buffer.subarray(0, got.length)), from: got.from });
      }
      wake();
    },
  });
  return {
    send(data, to) {
      sendTo(fd, data, typeof to === 'string' ? pathAddress(to) : to);
    },
    async next() {
      while (queue.length === 0) {
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
      return queue.shift()!;
    },
    [Symbol.dispose]() {
      watcher.close();
      closeFd(fd);
    },
  };
}
