import {
  type Environment,
  findSocket,
  type Instance,
  listInstances,
  matchesPattern,
  searchBases,
  UmidError,
} from '../umid/index.ts';
import type { RequestOptions } from './client.ts';
import { type KernelVersion, Mconsole, MconsoleRefusal } from './console.ts';
import { MconsoleError } from './error.ts';
import { notifications } from './notifications.ts';
import type { Notification } from './protocol.ts';

/** How long discovery waits for each instance, and an attempt at one that may not be up yet, in milliseconds. */
const PATIENCE = 2000;
/** How long to wait for an instance to come up, in milliseconds, unless told otherwise. */
const UP_TIMEOUT = 60_000;
const ATTEMPT_INTERVAL = 100;

/** Where umids are looked for. */
export interface Place {
  /** Default: this process's. HOME and UML_DIR count. */
  environment?: Environment | undefined;
  /** The only directory to look in, as in `uml_dir=`. */
  umlDir?: string | undefined;
}

/**
 * The management console of an instance, by its umid, its umid directory or its socket. Nothing is sent yet.
 * @throws UmidError NOT_FOUND
 */
export function connect(
  name: string,
  { environment = process.env, umlDir, ...options }: Place & RequestOptions = {},
): Mconsole {
  return new Mconsole(findSocket(name, environment, umlDir).socketPath, options);
}

/** An instance with what it says of itself; undefined where it can't or does not answer. */
export interface DiscoveredInstance extends Instance {
  kernel: KernelVersion | undefined;
  /** In bytes. */
  memory: number | undefined;
}

/** The umid directories of this user whose umid fits a shell pattern: those of instances that are there or were. */
export function instancesOf({ environment = process.env, umlDir }: Place = {}, pattern = '*'): Instance[] {
  const uid = process.getuid?.();
  return searchBases(environment, umlDir)
    .flatMap(listInstances)
    .filter(({ umid }) => matchesPattern(umid, pattern))
    .filter((instance) => instance.uid === uid && (instance.pid !== undefined || instance.state !== 'stale'));
}

/** The same, with what those that are alive say: asked side by side, each for two seconds at most. */
export async function discover(place: Place = {}): Promise<DiscoveredInstance[]> {
  return Promise.all(
    instancesOf(place).map(async (instance) => {
      const options = { timeout: PATIENCE };
      const server = instance.state === 'alive' ? new Mconsole(instance.socketPath, options) : undefined;
      const kernel = await server?.version().catch(unanswered);
      const memory = kernel && (await server?.memory().catch(unanswered));
      return { ...instance, kernel, memory };
    }),
  );
}

function unanswered(error: unknown): undefined {
  if (!(error instanceof MconsoleError || error instanceof MconsoleRefusal)) throw error;
}

export interface WaitOptions extends Place {
  /** Milliseconds; default 60000. */
  timeout?: number | undefined;
  /** Listens on this socket meanwhile: an instance that was started with `mconsole=notify:` for it announces itself. */
  notifySocket?: string | undefined;
  /** Ends the waiting: MconsoleError ABORTED. */
  signal?: AbortSignal | undefined;
}

/**
 * Waits until an instance answers its management console: it may be about to start, starting, or stopped.
 * @throws MconsoleError TIMEOUT, ABORTED; for the notification socket IN_USE, NOT_A_SOCKET, OsError
 */
export async function waitFor(name: string, options: WaitOptions = {}): Promise<Mconsole> {
  const { timeout = UP_TIMEOUT, notifySocket, signal, ...place } = options;
  const ended = new AbortController();
  const announcement = { path: undefined as string | undefined, arrived: () => {} };
  const heard = notifySocket === undefined ? undefined : notifications(notifySocket, { signal: ended.signal });
  const listening = heard && listen(heard, name, announcement);
  try {
    const deadline = Date.now() + timeout;
    for (;;) {
      if (signal?.aborted) throw new MconsoleError('ABORTED', `the wait for '${name}' was given up`);
      const left = deadline - Date.now();
      if (left <= 0) throw new MconsoleError('TIMEOUT', `'${name}' did not answer within ${timeout / 1000} seconds`);
      const server = await attempt(announcement.path ?? name, { ...place, timeout: Math.min(PATIENCE, left), signal });
      if (server) return server;
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, Math.min(ATTEMPT_INTERVAL, left));
        announcement.arrived = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
  } finally {
    ended.abort();
    await listening;
  }
}

/** The console, without the time-out of the attempt, if it answers: a refusal is an answer. */
async function attempt(name: string, options: Place & RequestOptions): Promise<Mconsole | undefined> {
  try {
    await connect(name, options).version();
  } catch (error) {
    if (error instanceof UmidError || error instanceof MconsoleError) return undefined;
    if (!(error instanceof MconsoleRefusal)) throw error;
  }
  return connect(name, { ...options, timeout: undefined, signal: undefined });
}

/** Notes the first announcement of the instance's console, by its umid, its directory or its socket. */
async function listen(
  heard: AsyncIterable<Notification>,
  name: string,
  announcement: { path: string | undefined; arrived: () => void },
): Promise<void> {
  for await (const notification of heard) {
    if (notification.type !== 'socket') continue;
    const { path } = notification;
    if (path !== name && path !== `${name}/mconsole` && !path.endsWith(`/${name}/mconsole`)) continue;
    announcement.path = path;
    announcement.arrived();
  }
}
