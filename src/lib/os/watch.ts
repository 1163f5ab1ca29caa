import { OsError } from './error.ts';
import { koffi } from './koffi.ts';

// libuv's public C interface (uv.h), which every Node binary exports for addons.
const UV_POLL = 8;
const UV_READABLE = 1;
const UV_WRITABLE = 2;
const UV_DISCONNECT = 4;

export interface WatchHandlers {
  /** The descriptor can be read, or its peer is gone. Level-triggered: called again until it is drained. */
  readable?: () => void;
  /** The descriptor can be written. Ask for it only while there is something to write. */
  writable?: () => void;
}

/** A descriptor that the event loop watches. */
export interface Watcher {
  /** Replaces the handlers; an empty object pauses. */
  set(handlers: WatchHandlers): void;
  /** Whether the watch keeps the process alive (it does at first). */
  ref(): void;
  unref(): void;
  /** Ends the watch. Call it before the descriptor is closed. */
  close(): void;
}

/**
 * Watches any descriptor that epoll takes (sockets of every type, pipes, ttys, taps; not regular files) on Node's own
 * event loop: no thread, no polling. A failed descriptor calls both handlers: the read or write then tells the error.
 * Main thread only, as libuv's default loop is. OsError EEXIST if the descriptor is watched already, EPERM if it can't be.
 */
export function watch(fd: number, handlers: WatchHandlers): Watcher {
  if (!isMainThread()) throw new Error('watch() is for the main thread: a worker has another event loop');
  const loop = eventLoop();
  const handle = koffi().alloc('uint8', loop.pollSize);
  const key = koffi().address(handle);
  const status = loop.init(loop.address, handle, fd);
  if (status < 0) {
    koffi().free(handle);
    throw new OsError('epoll_ctl', -status);
  }
  watched.set(key, { handle, handlers });
  apply(loop, handle, handlers);
  let open = true;
  return {
    set(next) {
      if (!open) return;
      watched.set(key, { handle, handlers: next });
      apply(loop, handle, next);
    },
    ref: () => open && loop.ref(handle),
    unref: () => open && loop.unref(handle),
    close() {
      if (!open) return;
      open = false;
      watched.delete(key);
      closing.set(key, handle);
      loop.close(handle, loop.onClose);
    },
  };
}

const watched = new Map<bigint, { handle: unknown; handlers: WatchHandlers }>();
/** Memory of handles that libuv still holds, until its close callback. */
const closing = new Map<bigint, unknown>();

interface EventLoop {
  address: unknown;
  pollSize: number;
  init(loop: unknown, handle: unknown, fd: number): number;
  start(handle: unknown, events: number): number;
  stop(handle: unknown): number;
  ref(handle: unknown): void;
  unref(handle: unknown): void;
  close(handle: unknown, callback: bigint): void;
  onClose: bigint;
}

let loopOfNode: EventLoop | undefined;

function eventLoop(): EventLoop {
  if (loopOfNode) return loopOfNode;
  const k = koffi();
  const node = k.load(null);
  const pollCallback = k.pointer(k.proto('void uml_poll_cb(void *handle, int status, int events)'));
  const closeCallback = k.pointer(k.proto('void uml_close_cb(void *handle)'));
  const onEvent = k.register((handle: bigint, status: number, events: number) => {
    dispatch(k.address(handle), status < 0 ? UV_READABLE | UV_WRITABLE : events);
    const still = watched.get(k.address(handle));
    // libuv stops a handle whose descriptor reports an error (uv__poll_io); the error may be one that passes.
    if (status < 0 && still && loopOfNode) apply(loopOfNode, still.handle, still.handlers);
  }, pollCallback);
  const onClose = k.register((handle: bigint) => {
    const key = k.address(handle);
    const memory = closing.get(key);
    closing.delete(key);
    if (memory !== undefined) k.free(memory);
  }, closeCallback);
  const start = node.func('uv_poll_start', 'int', ['void *', 'int', pollCallback]);
  const defaultLoop = node.func('uv_default_loop', 'void *', []);
  loopOfNode = {
    address: defaultLoop(),
    pollSize: Number(node.func('uv_handle_size', 'size_t', ['int'])(UV_POLL)),
    init: node.func('uv_poll_init', 'int', ['void *', 'void *', 'int']),
    start: (handle, events) => start(handle, events, onEvent),
    stop: node.func('uv_poll_stop', 'int', ['void *']),
    ref: node.func('uv_ref', 'void', ['void *']),
    unref: node.func('uv_unref', 'void', ['void *']),
    close: node.func('uv_close', 'void', ['void *', closeCallback]),
    onClose,
  };
  return loopOfNode;
}

/** Calls the handlers that are in force: the first may have replaced or closed the second's. */
function dispatch(key: bigint, events: number): void {
  try {
    if (events & (UV_READABLE | UV_DISCONNECT)) watched.get(key)?.handlers.readable?.();
    if (events & UV_WRITABLE) watched.get(key)?.handlers.writable?.();
  } catch (error) {
    // An exception can't pass through libuv's C frames: it would lie there until the next call into JavaScript.
    setImmediate(() => {
      throw error;
    });
  }
}

function apply(loop: EventLoop, handle: unknown, handlers: WatchHandlers): void {
  const events = (handlers.readable ? UV_READABLE | UV_DISCONNECT : 0) | (handlers.writable ? UV_WRITABLE : 0);
  const status = events ? loop.start(handle, events) : loop.stop(handle);
  if (status < 0) throw new OsError('epoll_ctl', -status);
}

/** Not imported: loading that module takes longer than all else that most tools do. */
function isMainThread(): boolean {
  return process.getBuiltinModule('node:worker_threads').isMainThread;
}
