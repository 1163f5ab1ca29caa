import { Arena, POLLFD, POLLIN, pollBatch } from '../../os/index.ts';
import { Counters } from '../counters.ts';
import { DaemonLink } from '../links/daemon-link.ts';
import { type LinkSpec, type OwnLink, openLink } from '../links/index.ts';
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
export function runDataPlane({ kind, dataFd, bell, counters: shared }: PlaneSetup, host: PlaneHost): void {
  const memory = new Arena(ARENA_SIZE);
  const slots = new FrameSlots(memory);
  const reporter = new Reporter(host.post, clock);
  const counters = new Counters(MAX_PORTS, shared);
  const forwarder = new Forwarder(memory, kind, reporter, clock);
  const context = { memory, slots, forwarder, reporter };
  const clients = new DaemonLink(dataFd, context);
  const rung = new Int32Array(bell);
  const pollFds = memory.take(MAX_PORTS * POLLFD.size);
  const own = new Map<number, OwnLink>();
  let links: Link[] = [];

  function runCommands(): 'stop' | 'go on' {
    for (let command = host.nextCommand(); command; command = host.nextCommand()) {
      if (command.command === 'stop') return 'stop';
      run(command);
    }
    return 'go on';
  }

  function run(command: Exclude<PlaneCommand, { command: 'stop' }>): void {
    switch (command.command) {
      case 'add':
        addPort(command.port, command.link);
        host.post({ report: 'added', port: command.port });
        break;
      case 'remove':
        removePort(command.port);
        break;
      case 'set':
        forwarder.set(command.setting);
        break;
      case 'ask':
        host.post({ report: 'answer', id: command.id, addresses: forwarder.answer(command.question) });
        break;
    }
  }

  function addPort(port: number, spec: LinkSpec): void {
    counters.clear(port);
    if (spec.kind === 'client') {
      clients.add(port, spec.address);
      forwarder.addPort(port, clients);
      return;
    }
    const link = openLink(port, spec, context);
    own.set(port, link);
    forwarder.addPort(port, link);
    setLinks();
  }

  function removePort(port: number): void {
    forwarder.removePort(port);
    reporter.forgetPort(port);
    if (own.delete(port)) setLinks();
  }

  function setLinks(): void {
    links = [clients, ...own.values()];
    links.forEach(({ fd }, index) => {
      const at = pollFds + index * POLLFD.size;
      memory.u32[at >> 2] = fd;
      memory.u16[(at + POLLFD.events) >> 1] = POLLIN;
    });
  }

  function removeEnded(): void {
    for (const [port, { ended }] of own) {
      if (ended === undefined) continue;
      removePort(port);
      host.post({ report: 'ended', port, errno: ended === 'closed' ? undefined : ended });
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
    if (own.size > 0) removeEnded();
    if (came === 0 && !mayBlock) {
      pollBatch(memory.address(pollFds), links.length, reporter.pending ? REPORT_WAIT_MS : -1);
    }
  }
}
