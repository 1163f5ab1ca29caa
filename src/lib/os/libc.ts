import type { LibraryHandle } from 'koffi';
import { koffi } from './koffi.ts';

/** A call into C: numbers stand for integers and addresses, byte arrays for memory that the call may read and write. */
type Call<A extends unknown[]> = (...args: A) => number;
type Memory = Uint8Array | null;

/** The C functions that the program uses, each declared once. `null` from a pointer argument is NULL. */
interface Libc {
  socket: Call<[number, number, number]>;
  bind: Call<[number, Memory, number]>;
  connect: Call<[number, Memory, number]>;
  listen: Call<[number, number]>;
  accept4: Call<[number, Memory, Memory, number]>;
  getsockname: Call<[number, Memory, Memory]>;
  getpeername: Call<[number, Memory, Memory]>;
  getsockopt: Call<[number, number, number, Memory, Memory]>;
  if_nametoindex: Call<[Memory]>;
  setsockopt: Call<[number, number, number, Memory, number]>;
  send: Call<[number, Memory, number, number]>;
  sendto: Call<[number, Memory, number, number, Memory, number]>;
  recvfrom: Call<[number, Memory, number, number, Memory, Memory]>;
  socketpair: Call<[number, number, number, Memory]>;
  sendmsg: Call<[number, Memory, number]>;
  recvmsg: Call<[number, Memory, number]>;
  read: Call<[number, Memory, number]>;
  write: Call<[number, Memory, number]>;
  close: Call<[number]>;
  fcntlInt: Call<[number, number, number]>;
  fcntlPtr: Call<[number, number, Memory]>;
  ioctlInt: Call<[number, number, number]>;
  ioctlPtr: Call<[number, number, Memory]>;
  lseek: Call<[number, number, number]>;
  fallocate: Call<[number, number, number, number]>;
  ftruncate: Call<[number, number]>;
  openat: Call<[number, Memory, number, number]>;
  statx: Call<[number, Memory, number, number, Memory]>;
  mkdirat: Call<[number, Memory, number]>;
  unlinkat: Call<[number, Memory, number]>;
  renameat: Call<[number, Memory, number, Memory]>;
  linkat: Call<[number, Memory, number, Memory, number]>;
  syscallMknodat: Call<[number, number, Memory, number, number]>;
  fchownat: Call<[number, Memory, number, number, number]>;
  utimensat: Call<[number, Memory, Memory, number]>;
  syncfs: Call<[number]>;
  flock: Call<[number, number]>;
  copy_file_range: Call<[number, Memory, number, Memory, number, number]>;
  preadv2: Call<[number, Memory, number, number, number]>;
  posix_openpt: Call<[number]>;
  grantpt: Call<[number]>;
  unlockpt: Call<[number]>;
  ptsname_r: Call<[number, Memory, number]>;
  tcgetattr: Call<[number, Memory]>;
  tcsetattr: Call<[number, number, Memory]>;
  usleep: Call<[number]>;
  setsid: Call<[]>;
  chroot: Call<[Memory]>;
  initgroups: Call<[Memory, number]>;
  execve: (file: string, argv: (string | null)[], environment: (string | null)[]) => number;
  signal: (signal: number, handler: number) => unknown;
  pthread_sigmask: Call<[number, Memory, Memory]>;
  prctl: Call<[number, number, number, number, number]>;
  mount: Call<[Memory, Memory, Memory, number, Memory]>;
  umount2: Call<[Memory, number]>;
  memset: (address: number, byte: number, length: number) => unknown;
  sched_yield: Call<[]>;
  recvmmsg: Call<[number, number, number, number, number]>;
  sendmmsg: Call<[number, number, number, number]>;
  poll: Call<[number, number, number]>;
  ppoll: Call<[number, number, number, number]>;
  epoll_create1: Call<[number]>;
  epoll_ctl: Call<[number, number, number, Memory]>;
  epoll_wait: Call<[number, number, number, number]>;
  readAt: Call<[number, number, number]>;
  writeAt: Call<[number, number, number]>;
  getpwnam_r: Call<[Memory, Memory, Memory, number, Memory]>;
  getpwuid_r: Call<[number, Memory, Memory, number, Memory]>;
  getgrnam_r: Call<[Memory, Memory, Memory, number, Memory]>;
  getgrgid_r: Call<[number, Memory, Memory, number, Memory]>;
  strerror: (errno: number) => string;
}

const PROTOTYPES: Record<keyof Libc, [symbol: string, result: string, args: string[]]> = {
  socket: ['socket', 'int', ['int', 'int', 'int']],
  bind: ['bind', 'int', ['int', 'void *', 'uint32']],
  connect: ['connect', 'int', ['int', 'void *', 'uint32']],
  listen: ['listen', 'int', ['int', 'int']],
  accept4: ['accept4', 'int', ['int', 'void *', 'void *', 'int']],
  getsockname: ['getsockname', 'int', ['int', 'void *', 'void *']],
  getpeername: ['getpeername', 'int', ['int', 'void *', 'void *']],
  getsockopt: ['getsockopt', 'int', ['int', 'int', 'int', 'void *', 'void *']],
  if_nametoindex: ['if_nametoindex', 'uint', ['void *']],
  setsockopt: ['setsockopt', 'int', ['int', 'int', 'int', 'void *', 'uint32']],
  send: ['send', 'int64', ['int', 'void *', 'size_t', 'int']],
  sendto: ['sendto', 'int64', ['int', 'void *', 'size_t', 'int', 'void *', 'uint32']],
  recvfrom: ['recvfrom', 'int64', ['int', 'void *', 'size_t', 'int', 'void *', 'void *']],
  socketpair: ['socketpair', 'int', ['int', 'int', 'int', 'void *']],
  sendmsg: ['sendmsg', 'int64', ['int', 'void *', 'int']],
  recvmsg: ['recvmsg', 'int64', ['int', 'void *', 'int']],
  read: ['read', 'int64', ['int', 'void *', 'size_t']],
  write: ['write', 'int64', ['int', 'void *', 'size_t']],
  close: ['close', 'int', ['int']],
  fcntlInt: ['fcntl', 'int', ['int', 'int', 'long']],
  fcntlPtr: ['fcntl', 'int', ['int', 'int', 'void *']],
  ioctlInt: ['ioctl', 'int', ['int', 'ulong', 'long']],
  ioctlPtr: ['ioctl', 'int', ['int', 'ulong', 'void *']],
  lseek: ['lseek64', 'int64', ['int', 'int64', 'int']],
  fallocate: ['fallocate64', 'int', ['int', 'int', 'int64', 'int64']],
  ftruncate: ['ftruncate64', 'int', ['int', 'int64']],
  openat: ['openat64', 'int', ['int', 'void *', 'int', 'uint']],
  statx: ['statx', 'int', ['int', 'void *', 'int', 'uint', 'void *']],
  mkdirat: ['mkdirat', 'int', ['int', 'void *', 'uint']],
  unlinkat: ['unlinkat', 'int', ['int', 'void *', 'int']],
  renameat: ['renameat', 'int', ['int', 'void *', 'int', 'void *']],
  linkat: ['linkat', 'int', ['int', 'void *', 'int', 'void *', 'int']],
  syscallMknodat: ['syscall', 'long', ['long', 'int', 'void *', 'uint', 'ulong']],
  fchownat: ['fchownat', 'int', ['int', 'void *', 'uint32', 'uint32', 'int']],
  utimensat: ['utimensat', 'int', ['int', 'void *', 'void *', 'int']],
  syncfs: ['syncfs', 'int', ['int']],
  flock: ['flock', 'int', ['int', 'int']],
  copy_file_range: ['copy_file_range', 'int64', ['int', 'void *', 'int', 'void *', 'size_t', 'uint']],
  preadv2: ['preadv64v2', 'int64', ['int', 'void *', 'int', 'int64', 'int']],
  posix_openpt: ['posix_openpt', 'int', ['int']],
  grantpt: ['grantpt', 'int', ['int']],
  unlockpt: ['unlockpt', 'int', ['int']],
  ptsname_r: ['ptsname_r', 'int', ['int', 'void *', 'size_t']],
  tcgetattr: ['tcgetattr', 'int', ['int', 'void *']],
  tcsetattr: ['tcsetattr', 'int', ['int', 'int', 'void *']],
  usleep: ['usleep', 'int', ['uint']],
  setsid: ['setsid', 'int', []],
  chroot: ['chroot', 'int', ['void *']],
  initgroups: ['initgroups', 'int', ['void *', 'uint32']],
  execve: ['execve', 'int', ['const char *', 'const char **', 'const char **']],
  signal: ['signal', 'void *', ['int', 'intptr_t']],
  pthread_sigmask: ['pthread_sigmask', 'int', ['int', 'void *', 'void *']],
  prctl: ['prctl', 'int', ['int', 'ulong', 'ulong', 'ulong', 'ulong']],
  mount: ['mount', 'int', ['void *', 'void *', 'void *', 'ulong', 'void *']],
  umount2: ['umount2', 'int', ['void *', 'int']],
  memset: ['memset', 'void *', ['uint64', 'int', 'size_t']],
  sched_yield: ['sched_yield', 'int', []],
  recvmmsg: ['recvmmsg', 'int', ['int', 'uint64', 'uint', 'int', 'uint64']],
  sendmmsg: ['sendmmsg', 'int', ['int', 'uint64', 'uint', 'int']],
  poll: ['poll', 'int', ['uint64', 'ulong', 'int']],
  ppoll: ['ppoll', 'int', ['uint64', 'ulong', 'uint64', 'uint64']],
  epoll_create1: ['epoll_create1', 'int', ['int']],
  epoll_ctl: ['epoll_ctl', 'int', ['int', 'int', 'int', 'void *']],
  epoll_wait: ['epoll_wait', 'int', ['int', 'uint64', 'int', 'int']],
  readAt: ['read', 'int64', ['int', 'uint64', 'size_t']],
  writeAt: ['write', 'int64', ['int', 'uint64', 'size_t']],
  getpwnam_r: ['getpwnam_r', 'int', ['void *', 'void *', 'void *', 'size_t', 'void *']],
  getpwuid_r: ['getpwuid_r', 'int', ['uint32', 'void *', 'void *', 'size_t', 'void *']],
  getgrnam_r: ['getgrnam_r', 'int', ['void *', 'void *', 'void *', 'size_t', 'void *']],
  getgrgid_r: ['getgrgid_r', 'int', ['uint32', 'void *', 'void *', 'size_t', 'void *']],
  strerror: ['strerror', 'str', ['int']],
};

let library: LibraryHandle | undefined;

/** libc, each function bound when it is first used: a tool pays only for what it calls. */
export const libc: Libc = Object.defineProperties(
  {} as Libc,
  Object.fromEntries(Object.keys(PROTOTYPES).map((name) => [name, lazily(name as keyof Libc)])),
);

function lazily(name: keyof Libc): PropertyDescriptor {
  return {
    configurable: true,
    get() {
      library ??= koffi().load('libc.so.6');
      const value = library.func(...PROTOTYPES[name]);
      Object.defineProperty(libc, name, { value });
      return value;
    },
  };
}

/** errno of the last call that failed; read it before anything else is called. */
export function lastErrno(): number {
  return koffi().errno();
}
