import { Arena, POLLFD, POLLIN, pollBatch } from '../../os/index.ts';
import { DaemonLink } from '../links/daemon-link.ts';
import { TapLink } from '../links/tap-link.ts';
import { Forwarder, type Link, MAX_PORTS } from './forwarder.ts';
import { FrameSlots } from './frame-slots.ts';
import type { PlaneCommand, PlaneReport, PlaneSetup } from './messages.ts';
import { Reporter } from './reporter.ts';

/** Frames, headers and names; pages that no frame touches take no memory. */
const ARENA_SIZE = 1024 * 1024;
/** How long to wait for frames while something is to be reported in the next second, in ms. */
const REPORT_WAIT_MS = 1000;

/** Seconds since the thread began. */
const clock = (): number => performance.now() / 1000;

/** The main thread, as this one sees it. */
export interface PlaneHost {
  /** The next command, undefined if there is none. */
  nextCommand(): PlaneCommand | undefined;
  post(report: PlaneReport): void;
}

/**
 * Moves frames until it is told to stop: takes a batch from a link, forwards it, sends it, and sleeps when none waits.
 * It blocks its thread. With clients only, the receiving call itself sleeps; with more links, poll does.
 */
export function runDataPlane({ kind, dataFd, bell }: PlaneSetup, host: PlaneHost): void {
  const memory = new Arena(ARENA_SIZE);
  const slots = new FrameSlots(memory);
  const reporter = new Reporter(host.post, clock);
  const forwarder = new Forwarder(memory, kind, reporter, clock);
  const clients = new DaemonLink(dataFd, memory, slots, forwarder, reporter);
  const rung = new Int32Array(bell);
  const pollFds = memory.take(MAX_PORTS * POLLFD.size);
  const taps = new Map<number, TapLink>();
  let links: Link[] = [];

  function runCommands(): 'stop' | 'go on' {
    for (let command = host.nextCommand(); command; command = host.nextCommand()) {
      if (command.command === 'stop') return 'stop';
      const { port } = command;
      if (command.command === 'remove') removePort(port);
      else {
        if (command.command === 'add-client') {
          clients.add(port, command.address);
          forwarder.addPort(port, clients);
        } else addTap(port, command.fd);
        host.post({ report: 'added', port });
      }
    }
    return 'go on';
  }

  function addTap(port: number, fd: number): void {
    const tap = new TapLink(fd, port, memory, slots, forwarder, reporter);
    taps.set(port, tap);
    forwarder.addPort(port, tap);
    setLinks();
  }

  function removePort(port: number): void {
    forwarder.removePort(port);
    reporter.forgetPort(port);
    if (taps.delete(port)) setLinks();
  }

  function setLinks(): void {
    links = [clients, ...taps.values()];
    links.forEach(({ fd }, index) => {
      const at = pollFds + index * POLLFD.size;
      memory.u32[at >> 2] = fd;
      memory.u16[(at + POLLFD.events) >> 1] = POLLIN;
    });
  }

  function removeFailedTaps(): void {
    for (const [port, { failure }] of taps) {
      if (failure === undefined) continue;
      removePort(port);
      host.post({ report: 'tap-failed', port, errno: failure });
    }
  }

  setLinks();
  for (;;) {
    const mayBlock = links.length === 1 && !reporter.pending;
    let came = 0;
    for (const link of links) {
      const count = link.take(mayBlock ? 'wait' : 'poll');
      // Before the frames are passed: what was sent after a port had gone must not go to it.
      if (Atomics.exchange(rung, 0, 0) === 1 && runCommands() === 'stop') return;
      if (count === 0) continue;
      came += count;
      forwarder.startBatch();
      link.pass(count);
      for (const each of links) each.flush();
    }
    if (reporter.pending) reporter.catchUp();
    if (taps.size > 0) removeFailedTaps();
    if (came === 0 && !mayBlock) {
      pollBatch(memory.address(pollFds), links.length, reporter.pending ? REPORT_WAIT_MS : -1);
    }
  }
}
