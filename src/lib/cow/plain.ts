import { punchHole } from '../os/index.ts';
import { checkRange, type Disk, deviceSize, Pending } from './disk.ts';
import { CowError } from './error.ts';
import { Flusher } from './flusher.ts';
import type { HeldFile } from './held.ts';

/** A disk that is one file or block device. */
export class PlainDisk implements Disk {
  readonly size: number;
  readonly readOnly: boolean;
  readonly backingFile = undefined;
  readonly #file: HeldFile;
  readonly #synchronous: boolean;
  readonly #pending = new Pending();
  readonly #flusher: Flusher;
  #canPunch = true;
  #closed = false;

  constructor(file: HeldFile, options: { readOnly: boolean; synchronous: boolean }) {
    this.#file = file;
    this.size = deviceSize(file.identity().size);
    this.readOnly = options.readOnly;
    this.#synchronous = options.synchronous;
    this.#flusher = new Flusher(() => file.sync());
  }

  async read(offset: number, into: Uint8Array): Promise<void> {
    this.#check(offset, into.length);
    await this.#pending.track(this.#file.read(into, offset));
  }

  async write(offset: number, data: Uint8Array): Promise<void> {
    this.#checkWrite(offset, data.length);
    await this.#pending.write(offset, data.length, () => this.#file.write(data, offset));
    this.#flusher.wrote(data.length);
    if (this.#synchronous) await this.flush();
  }

  flush(): Promise<void> {
    return this.#pending.track(this.#flusher.flush());
  }

  async trim(offset: number, length: number): Promise<void> {
    this.#checkWrite(offset, length);
    if (!this.#canPunch || length === 0) return;
    await this.#pending.write(offset, length, async () => {
      try {
        punchHole(this.#file.fd, offset, length);
      } catch {
        this.#canPunch = false; // a favour to the host that this file system can't take
      }
    });
    this.#flusher.wrote(length);
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    await this.#pending.settle();
    try {
      await this.#flusher.flush();
    } finally {
      this.#flusher.stop();
      this.#file.close();
    }
  }

  #check(offset: number, length: number): void {
    if (this.#closed) throw new CowError('closed', this.#file.path);
    checkRange(this.#file.path, this.size, offset, length);
  }

  #checkWrite(offset: number, length: number): void {
    this.#check(offset, length);
    if (this.readOnly) throw new CowError('read-only', this.#file.path);
  }
}
