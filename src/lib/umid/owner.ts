import { readFileSync, statSync } from 'node:fs';
import { closeFd, connect, hasCode, unixSocket, withPathAddress } from '../os/index.ts';
import { unlessMissing } from './missing.ts';

/** How far the file system's clock and the start times of processes may differ, in milliseconds. */
const CLOCK_SLACK = 2000;
/** USER_HZ: the unit of start times in /proc/PID/stat, 100 on every architecture that Node runs on. */
const TICKS_PER_SECOND = 100;

export interface Owner {
  /** From the pid file; undefined if there is none, or nothing that is a number in it. */
  pid: number | undefined;
  state: OwnerState;
}

/**
 * `alive`: an instance has the directory. `stopped`: it has, but its process is stopped by a signal (SIGSTOP), so it
 * can't answer. `stale`: whoever made it is gone.
 */
export type OwnerState = 'alive' | 'stopped' | 'stale';

/**
 * Who has a umid directory. UML's rule (spec 5) is that any live process with the pid of the pid file counts. Two
 * facts are better than that and come first: a socket that takes connections has a live owner, whatever the pid file
 * says (it may be of another pid name space), and a process that was started after the pid file was written is not
 * the one that wrote it.
 */
export function ownerOf(directory: string): Owner {
  const pid = readPid(`${directory}/pid`);
  return { pid, state: stateOf(directory, pid) };
}

/** The same, where the pid file has been read already: reading it again would drop a record lock on it. */
export function stateOf(directory: string, pid: number | undefined): OwnerState {
  const pidFile = `${directory}/pid`;
  if (pid !== undefined && isStopped(pid) && !startedAfter(pid, pidFile)) return 'stopped';
  if (answers(`${directory}/mconsole`)) return 'alive';
  if (pid === undefined || !isAlive(pid) || startedAfter(pid, pidFile)) return 'stale';
  return 'alive';
}

/** The pid of a pid file; undefined if the file is missing or holds no pid. */
export function readPid(pidFile: string): number | undefined {
  return parsePid(unlessMissing(() => readFileSync(pidFile, 'latin1'), ''));
}

/** The pid in a pid file's text; undefined if it is none. */
export function parsePid(text: string): number | undefined {
  const pid = Number(/^\s*(\d{1,10})\s*$/.exec(text)?.[1] ?? 0);
  return pid > 0 ? pid : undefined;
}

/** Whether a process has a socket bound to this path. */
export function answers(socketPath: string): boolean {
  let fd: number | undefined;
  try {
    const probe = unixSocket('dgram');
    fd = probe;
    withPathAddress(socketPath, (address) => connect(probe, address));
    return true;
  } catch (error) {
    return hasCode(error, 'EACCES'); // somebody else's: it is there, but this user may not write to it
  } finally {
    if (fd !== undefined) closeFd(fd);
  }
}

/**
 * The process that a umid directory belongs to, to send a signal to: undefined where there is none any more, also when
 * its pid has gone to another process since.
 */
export function liveOwner(directory: string): number | undefined {
  const pidFile = `${directory}/pid`;
  const pid = readPid(pidFile);
  return pid !== undefined && isAlive(pid) && !startedAfter(pid, pidFile) ? pid : undefined;
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return statOf(pid)?.state !== 'Z';
  } catch (error) {
    return !hasCode(error, 'ESRCH');
  }
}

function isStopped(pid: number): boolean {
  return statOf(pid)?.state === 'T';
}

function startedAfter(pid: number, pidFile: string): boolean {
  const started = statOf(pid)?.started;
  const written = unlessMissing(() => statSync(pidFile).mtimeMs, undefined);
  return started !== undefined && written !== undefined && started > written + CLOCK_SLACK;
}

/** State letter and start time (ms since the epoch) of a process, from /proc (man 5 proc); undefined without it. */
function statOf(pid: number): { state: string; started: number | undefined } | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' '); // the name, in (), may hold anything
    const boot = /^btime (\d+)$/m.exec(readFileSync('/proc/stat', 'latin1'))?.[1];
    const ticks = Number(fields[19]);
    const started = boot === undefined ? undefined : Number(boot) * 1000 + (ticks * 1000) / TICKS_PER_SECOND;
    return { state: fields[0] ?? '', started };
  } catch {
    return undefined;
  }
}
