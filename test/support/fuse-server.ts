/** As little of a FUSE server as `ls` and `cat` need (include/uapi/linux/fuse.h, protocol 7.31): a root with one file. */
import { constants } from 'node:os';
import { closeFd, hasCode, readFd, setNonBlocking, type Watcher, watch, writeFd } from '../../src/lib/os/index.ts';

export const FILE = { name: 'hello', text: 'from inside the instance\n' } as const;

const OP = {
  lookup: 1,
  forget: 2,
  getattr: 3,
  open: 14,
  read: 15,
  init: 26,
  opendir: 27,
  readdir: 28,
  batchForget: 42,
};
/** They have nothing to give back. */
const EMPTY_ANSWERS = [18, 25, 29, 38]; // release, flush, releasedir, destroy
const HEADER = 40;
const ROOT = 1n;
const HELLO = 2n;
const CONTENT = Buffer.from(FILE.text);

export class FuseServer {
  private readonly fd: number;
  private readonly watcher: Watcher;
  private readonly buffer = Buffer.alloc(1 << 17);
  private open = true;

  constructor(fd: number, onUnmount: () => void) {
    this.fd = fd;
    setNonBlocking(fd);
    this.watcher = watch(fd, {
      readable: () => {
        try {
          for (let length = readFd(fd, this.buffer); length !== undefined; length = readFd(fd, this.buffer)) {
            this.answer(this.buffer.subarray(0, length));
          }
        } catch (error) {
          if (!hasCode(error, 'ENODEV')) throw error; // unmounted
          this.close();
          onUnmount();
        }
      },
    });
  }

  close(): void {
    if (!this.open) return;
    this.open = false;
    this.watcher.close();
    closeFd(this.fd);
  }

  private answer(request: Buffer): void {
    const [operation, unique, node] = [
      request.readUInt32LE(4),
      request.readBigUInt64LE(8),
      request.readBigUInt64LE(16),
    ];
    if (operation === OP.forget || operation === OP.batchForget) return;
    const body = reply(operation, node, request.subarray(HEADER));
    const out = Buffer.alloc(16 + (body instanceof Uint8Array ? body.length : 0));
    out.writeUInt32LE(out.length, 0);
    if (body instanceof Uint8Array) out.set(body, 16);
    else out.writeInt32LE(-body, 4);
    out.writeBigUInt64LE(unique, 8);
    writeFd(this.fd, out);
  }
}

/** The body of the answer, or an errno. */
function reply(operation: number, node: bigint, body: Buffer): Uint8Array | number {
  switch (operation) {
    case OP.init:
      return initial();
    case OP.getattr:
      return Buffer.concat([Buffer.alloc(16), attributes(node)]);
    case OP.lookup:
      return body.toString('latin1', 0, body.indexOf(0)) === FILE.name ? entry() : constants.errno.ENOENT;
    case OP.open:
    case OP.opendir:
      return Buffer.alloc(16);
    case OP.read:
      return range(CONTENT, body);
    case OP.readdir:
      return range(listing(), body);
    default:
      return EMPTY_ANSWERS.includes(operation) ? Buffer.alloc(0) : constants.errno.ENOSYS;
  }
}

function initial(): Buffer {
  const out = Buffer.alloc(64);
  out.writeUInt32LE(7, 0);
  out.writeUInt32LE(31, 4);
  out.writeUInt32LE(4096, 20); // the most that is written at once
  return out;
}

function attributes(node: bigint): Buffer {
  const out = Buffer.alloc(88);
  out.writeBigUInt64LE(node, 0);
  out.writeBigUInt64LE(node === HELLO ? BigInt(CONTENT.length) : 0n, 8);
  out.writeUInt32LE(node === ROOT ? 0o40755 : 0o100644, 60);
  out.writeUInt32LE(1, 64);
  return out;
}

function entry(): Buffer {
  const out = Buffer.alloc(40);
  out.writeBigUInt64LE(HELLO, 0);
  return Buffer.concat([out, attributes(HELLO)]);
}

function listing(): Buffer {
  const out = Buffer.alloc(24 + 8 * Math.ceil(FILE.name.length / 8));
  out.writeBigUInt64LE(HELLO, 0);
  out.writeBigUInt64LE(BigInt(out.length), 8); // where the next one is
  out.writeUInt32LE(FILE.name.length, 16);
  out.write(FILE.name, 24);
  return out;
}

/** What a read request, with offset and size behind the file's handle, asks of some bytes. */
function range(bytes: Buffer, request: Buffer): Buffer {
  const offset = Number(request.readBigUInt64LE(8));
  return bytes.subarray(offset, offset + request.readUInt32LE(16));
}
