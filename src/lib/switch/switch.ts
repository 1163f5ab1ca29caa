import { closeFd } from '../os/index.ts';
import { openAttachment } from './attachments.ts';
import { type CaptureInfo, type CaptureOptions, Captures } from './capture/captures.ts';
import { type Listener, listenBess, listenVde } from './control/listeners.ts';
import { openSockets, wholeAddress } from './control/open-sockets.ts';
import { PORT_LIMIT } from './control/port-numbers.ts';
import { Ports } from './control/ports.ts';
import { serveControl } from './control/serve.ts';
import { type SocketAccess, unlinkBound } from './control/sockets.ts';
import { Counters } from './counters.ts';
import { SwitchError } from './error.ts';
import type { SwitchEvent } from './events.ts';
import { parseAddress } from './plane/address.ts';
import { MAX_PORTS } from './plane/forwarder.ts';
import { DEFAULT_AGEING } from './plane/mac-table.ts';
import type { Question } from './plane/messages.ts';
import { startPlane } from './plane/thread.ts';
import type { AddressFilter, AddressInfo, Attachment, PortInfo, Setting, SwitchSettings } from './ports.ts';

export interface SwitchOptions {
  kind: 'switch' | 'hub';
  /** Path of the control socket. */
  control: string;
  /** Path of the data socket, which clients of version 0 have to know. Without it, it has an abstract name. */
  data?: string | undefined;
  /** Paths of sockets for BESS clients. */
  bess?: readonly string[] | undefined;
  /** A directory for clients of vde_switch. */
  vde?: string | undefined;
  /** Who may connect; without it, the umask decides. */
  access?: SocketAccess | undefined;
  /** What happened before `run` is told there. */
  onEvent: (event: SwitchEvent) => void;
  /** The switch can't go on; it should be closed. */
  onFailure: (error: SwitchError) => void;
}

/** What a socket file of the switch is for. */
export type SocketRole = 'control' | 'data' | 'bess' | 'vde';

export interface Switch {
  /** Begins to serve. Clients that connected before wait until then. */
  run(): void;
  /** Disconnects everybody and stops; the socket files stay. */
  close(): Promise<void>;
  /** Removes the socket files. What could not be removed, and why. */
  removeSockets(): { socket: SocketRole; path: string; errno: number }[];

  /** All ports, by number. */
  ports(): PortInfo[];
  /**
   * Makes a port of something that the switch opens itself; also before `run`.
   * @returns its number; its frames are forwarded then
   * @throws SwitchError PORTS; TAP, DESCRIPTOR or ATTACH if it can't be opened
   */
  attach(attachment: Attachment): Promise<number>;
  /** Takes a port away, whatever is behind it; a client is disconnected. @throws SwitchError PORT */
  detach(port: number): void;
  /** Gives a port a name. @throws SwitchError PORT */
  rename(port: number, name: string): void;

  settings(): SwitchSettings;
  /** Holds for the frames that come after this. @throws SwitchError PORT, VLAN, TRUNK, MIRROR, AGEING */
  change(setting: Setting): void;
  /** The addresses that the switch knows, in no order. @throws SwitchError PORT, ADDRESS */
  addresses(filter: AddressFilter): Promise<AddressInfo[]>;
  /** Forgets addresses: which they were. @throws SwitchError PORT, ADDRESS */
  forget(filter: AddressFilter): Promise<AddressInfo[]>;

  /** Writes frames as pcapng, all from the moment it resolves; it ends the sink, also when it fails. @throws SwitchError PORT, CaptureError WRITE */
  capture(options: CaptureOptions): Promise<void>;
  /** Ends the captures to this place, or all: what became of them, when everything is written. */
  stopCaptures(to?: string): Promise<CaptureInfo[]>;
  /** The captures that run. */
  captures(): CaptureInfo[];
}

/**
 * Makes the sockets of a switch, so that clients can connect.
 * @throws SwitchError SOCKETS, LISTEN; nothing is left behind then
 */
export function openSwitch(options: SwitchOptions): Switch {
  const { kind, onEvent, onFailure } = options;
  const { control, data, dataFd, listeners } = openAll(options);
  const settings: SwitchSettings = { kind, ageing: DEFAULT_AGEING, mirror: undefined };
  const counters = new Counters(MAX_PORTS);
  let stopServing: (() => void)[] = [];
  /** Events that wait for `run`. */
  let early: SwitchEvent[] | undefined = [];
  const tell = (event: SwitchEvent): void => {
    if (early) early.push(event);
    else onEvent(event);
  };
  const plane = startPlane({
    kind,
    dataFd,
    counters,
    onReport: (report) => ports.handle(report),
    onFailure: (error) => onFailure(new SwitchError({ code: 'PLANE', reason: error.message })),
  });
  const ports = new Ports(plane, counters, settings, tell);
  const captures = new Captures({ ports: () => ports.list(), observe: (setup) => plane.capture(setup) });
  ports.onRemove = (port) => captures.forgetPort(port);

  async function ask(question: Question): Promise<AddressInfo[]> {
    const { address, port } = question.filter;
    if (port !== undefined) ports.check(port);
    if (address !== undefined && !parseAddress(address)) throw new SwitchError({ code: 'ADDRESS', address });
    return plane.ask(question);
  }

  return {
    run() {
      const waiting = early ?? [];
      early = undefined;
      for (const event of waiting) onEvent(event);
      const context = { dataAddress: wholeAddress(dataFd), ports, onEvent };
      stopServing = [serveControl({ fd: control.fd, ...context }), ...listeners.map((each) => each.serve(context))];
    },
    async close() {
      for (const stop of stopServing) stop();
      await captures.stop();
      await plane.stop();
      captures.close();
      ports.closeAll();
      for (const fd of [control.fd, dataFd]) closeFd(fd);
      for (const listener of listeners) listener.close();
    },
    removeSockets() {
      const files = [
        { socket: 'control' as const, path: control.path, remove: () => unlinkBound(control) },
        ...(data ? [{ socket: 'data' as const, path: data.path, remove: () => unlinkBound(data) }] : []),
        ...listeners.map((each) => ({ socket: each.kind, path: each.socket.path, remove: () => each.remove() })),
      ];
      return files.flatMap(({ socket, path, remove }) => {
        const errno = remove();
        return errno === undefined ? [] : [{ socket, path, errno }];
      });
    },
    ports: () => ports.list(),
    async attach(attachment) {
      const number = ports.reserve();
      if (number === undefined) throw new SwitchError({ code: 'PORTS', limit: PORT_LIMIT });
      try {
        const { kind, name, link, close } = openAttachment(attachment);
        const added = ports.add(number, kind, name, link, close);
        tell({ event: 'connected', port: number });
        await added;
        return number;
      } catch (error) {
        ports.release(number);
        throw error;
      }
    },
    detach(port) {
      ports.check(port);
      ports.remove(port);
      tell({ event: 'disconnected', port });
    },
    rename: (port, name) => ports.rename(port, name),
    settings: () => ports.settings,
    change: (setting) => ports.change(setting),
    addresses: (filter) => ask({ ask: 'addresses', filter }),
    forget: (filter) => ask({ ask: 'forget', filter }),
    async capture(options) {
      if (options.ports !== 'all' && !ports.has(options.ports)) {
        void options.sink.end();
        throw new SwitchError({ code: 'PORT', port: options.ports });
      }
      const onEnd = (reason: string): void => {
        tell({ event: 'capture-ended', to: options.to, reason });
        options.onEnd?.(reason);
      };
      await captures.start({ ...options, onEnd });
    },
    stopCaptures: (to) => captures.stop(to),
    captures: () => captures.list(),
  };
}

/** All sockets that have names. @throws SwitchError SOCKETS, LISTEN; nothing is left behind then */
function openAll({ control, data, bess = [], vde, access }: SwitchOptions) {
  const sockets = openSockets(control, data, access);
  const listeners: Listener[] = [];
  try {
    for (const path of bess) listeners.push(listenBess(path, access));
    if (vde !== undefined) listeners.push(listenVde(vde, access));
    return { ...sockets, listeners };
  } catch (error) {
    for (const listener of listeners) {
      listener.remove();
      listener.close();
    }
    for (const each of [sockets.control, sockets.data]) if (each) unlinkBound(each);
    for (const fd of [sockets.control.fd, sockets.dataFd]) closeFd(fd);
    throw error;
  }
}
