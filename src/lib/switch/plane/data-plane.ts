import { availableParallelism } from 'node:os';
import { Arena, yieldCpu } from '../../os/index.ts';
import { CaptureObserver } from '../capture/observer.ts';
import { Counters } from '../counters.ts';
import { LINKS_SIZE, type LinkSpec, makeLinks, type OwnLink } from '../links/index.ts';
import { BatchSize } from './batch-size.ts';
import { Forwarder, type Link, MAX_PORTS } from './forwarder.ts';
import { BATCH, FrameSlots } from './frame-slots.ts';
import type { PlaneCommand, PlaneReport, PlaneSetup } from './messages.ts';
import { Poller } from './poller.ts';
import { Reporter } from './reporter.ts';
import { Spinning } from './spinning.ts';

/** Headers, names and frames; pages that no frame touches take no memory. */
const ARENA_SIZE = 2 * 1024 * 1024 + LINKS_SIZE;
/** How long to wait for frames while something is to be reported in the next second, in ms. */
const REPORT_WAIT_MS = 1000;

/** The poller's number for the socket of the clients: no port has it. */
const CLIENTS = 0xffff_ffff;
/** Instead of a number of frames: the thread ends. */
const STOP = -1;

/** Seconds since the thread began. */
const clock = (): number => performance.now() / 1000;

/** The main thread, as this one sees it. */
export interface PlaneHost {
  /** The next command, undefined if there is none. */
  nextCommand(): PlaneCommand | undefined;
  post(report: PlaneReport): void;
}

/**
 * Moves frames until it is told to stop: takes a batch from each link that has frames, forwards it, sends it, and sleeps
 * when none waits. It blocks its thread. With clients only, the receiving call itself sleeps; with more links, epoll does.
 */
export function runDataPlane({ kind, dataFd, bell, counters: shared }: PlaneSetup, host: PlaneHost): void {
  const memory = new Arena(ARENA_SIZE);
  const slots = new FrameSlots(memory);
  const counters = new Counters(MAX_PORTS, shared);
  const reporter = new Reporter(host.post, counters, clock);
  const forwarder = new Forwarder({ memory, kind, log: reporter, counters, clock });
  /** Ports whose other side was found gone while something was sent to them. */
  const ends: number[] = [];
  const onEnd = (port: number): unknown => ends.push(port);
  const links = makeLinks(dataFd, { memory, slots, forwarder, reporter, counters, onEnd });
  const { clients, backlog } = links;
  const rung = new Int32Array(bell);
  /** Links with a descriptor of their own, by port. */
  const own = new Map<number, OwnLink>();
  const poller = new Poller(memory);
  poller.add(dataFd, CLIENTS);
  const spinning = new Spinning();
  const batchSize = new BatchSize();
  const maySpin = availableParallelism() > 1; // libuv asks sched_getaffinity

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
        host.post({ report: 'removed', port: command.port });
        break;
      case 'set':
        forwarder.set(command.setting);
        if (command.setting.set === 'ageing') links.vteps.setAgeing(command.setting.seconds);
        break;
      case 'ask':
        if (command.question.ask === 'forget') links.vteps.forgetAll(); // the next frames teach it anew
        host.post({ report: 'answer', id: command.id, addresses: forwarder.answer(command.question) });
        break;
      case 'capture':
        forwarder.observe(command.setup && new CaptureObserver(memory, slots.offset(0), command.setup));
        host.post({ report: 'capturing' });
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
    const link = links.open(port, spec);
    own.set(port, link);
    poller.add(link.fd, port);
    forwarder.addPort(port, link);
  }

  function removePort(port: number): void {
    forwarder.removePort(port);
    reporter.forgetPort(port);
    const link = own.get(port);
    if (!link) return;
    own.delete(port);
    poller.remove(link.fd);
  }

  function linkOf(key: number): Link | undefined {
    return key === CLIENTS ? clients : own.get(key);
  }

  function removeIfEnded(port: number): void {
    const ended = own.get(port)?.ended;
    if (ended === undefined) return;
    removePort(port);
    host.post({
      report: 'ended',
      port,
      errno: typeof ended === 'number' ? ended : undefined,
      badLength: typeof ended === 'object' ? ended.badLength : undefined,
    });
  }

  /** Takes a batch from a link and sends it on. How many frames came; STOP if the thread is to end. */
  function serve(link: Link, key: number, wait: 'wait' | 'poll'): number {
    const count = link.take(wait);
    // Before the frames are passed: what was sent after a port had gone must not go to it, nor what it sent before.
    if (Atomics.exchange(rung, 0, 0) === 1) {
      if (runCommands() === 'stop') return STOP;
      if (linkOf(key) !== link) return 0;
    }
    if (count === 0) return 0;
    forwarder.startBatch();
    link.pass(count);
    forwarder.flush();
    return count;
  }

  /** Serves each link that has frames once. How many came; STOP if the thread is to end. */
  function serveReady(timeout: number): number {
    const ready = poller.wait(timeout);
    let came = 0;
    for (let index = 0; index < ready; index++) {
      const key = poller.key(index);
      const link = linkOf(key);
      if (!link) continue; // a command took it away in this very turn
      const count = serve(link, key, 'poll');
      if (count === STOP) return STOP;
      came += count;
      if (key !== CLIENTS) removeIfEnded(key);
    }
    return came;
  }

  /** One turn; it sleeps for a frame if `timeout`, in ms, is not 0. */
  function turn(timeout: number): number {
    if (own.size > 0 || timeout > 0) return serveReady(timeout);
    return serve(clients, CLIENTS, timeout === 0 ? 'poll' : 'wait');
  }

  /** Looks for frames again and again, as long as it pays. */
  function lookOut(): number {
    let came = turn(0);
    if (came === STOP) return STOP;
    clients.most = batchSize.after(came);
    if (came !== 0) return came;
    const began = performance.now();
    for (let before = began; ; ) {
      yieldCpu(); // another program that wants this core gets it, and is noticed by the time that passes
      came = turn(0);
      if (came !== 0) return came;
      const now = performance.now();
      if (!spinning.looked(began, before, now)) return 0;
      before = now;
    }
  }

  function sleep(): number {
    if (backlog.isWaiting) {
      poller.doze();
      return turn(0);
    }
    const timeout = reporter.pending || forwarder.pending ? REPORT_WAIT_MS : -1;
    if (!maySpin) return turn(timeout);
    clients.most = BATCH;
    const began = performance.now();
    const came = turn(timeout);
    spinning.slept(began, performance.now());
    return came;
  }

  try {
    for (;;) {
      let came = spinning.window > 0 ? lookOut() : 0;
      if (came === 0) came = sleep();
      if (came === STOP) return;
      if (backlog.isWaiting && backlog.retry(performance.now())) clients.most = 1;
      else if (clients.most === 1) clients.most = BATCH;
      if (reporter.pending) reporter.catchUp();
      if (forwarder.pending) forwarder.catchUp();
      while (ends.length > 0) removeIfEnded(ends.pop()!);
    }
  } finally {
    poller.close();
  }
}
