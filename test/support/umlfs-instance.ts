/** An instance whose kernel has UMLFS, which no kernel of today has: a management console, and a FUSE server of one file. */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { decodeRequest, encodePart } from '../../src/lib/mconsole/index.ts';
import {
  bind,
  closeFd,
  pathAddress,
  receiveWithDescriptors,
  sendTo,
  unixSocket,
  watch,
} from '../../src/lib/os/index.ts';
import { FuseServer } from './fuse-server.ts';

export interface UmlfsInstance {
  /** What it was asked, in order, and how many descriptors came along. */
  readonly requests: readonly { command: string; descriptors: number }[];
  /** Resolves when the file system that it serves is unmounted. */
  readonly unmounted: Promise<void>;
  close(): void;
}

/** Serves a management console at `<home>/.uml/<umid>/mconsole` that takes FUSE descriptors, refuses them, or keeps silent. */
export function umlfsInstance(home: string, umid: string, does: 'serves' | 'refuses' | 'keeps silent'): UmlfsInstance {
  const directory = join(home, '.uml', umid);
  mkdirSync(directory, { recursive: true });
  const fd = unixSocket('dgram');
  bind(fd, pathAddress(join(directory, 'mconsole')));
  const requests: { command: string; descriptors: number }[] = [];
  let tellUnmounted = () => {};
  const unmounted = new Promise<void>((resolve) => {
    tellUnmounted = resolve;
  });
  let server: FuseServer | undefined;
  const buffer = Buffer.alloc(4096);
  const watcher = watch(fd, {
    readable() {
      const message = receiveWithDescriptors(fd, buffer);
      if (!message) return;
      const request = decodeRequest(buffer.subarray(0, message.length));
      const command = request.fault === undefined ? request.command : request.fault;
      requests.push({ command, descriptors: message.descriptors.length });
      const [descriptor] = message.descriptors;
      const served = descriptor !== undefined && does === 'serves';
      if (served) server = new FuseServer(descriptor, tellUnmounted);
      else if (descriptor !== undefined) closeFd(descriptor);
      if (descriptor !== undefined && does === 'keeps silent') return;
      const data = Buffer.from(served ? 'mounted' : 'There is no descriptor that I take');
      sendTo(fd, encodePart({ err: served ? 0 : 1, more: false, data }), message.from);
    },
  });
  return {
    requests,
    unmounted,
    close() {
      watcher.close();
      closeFd(fd);
      server?.close();
    },
  };
}
