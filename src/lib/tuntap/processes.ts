import { readdirSync, readFileSync, readlinkSync } from 'node:fs';

/**
 * Which processes of this network namespace have which TUN/TAP devices open, by the devices' names: the kernel has no
 * call for it, but says in /proc what each descriptor of the clone device is attached to (`iff:` in its fdinfo).
 * Processes that this user may not look into are left out.
 */
export function holders(): Map<string, number[]> {
  const found = new Map<string, number[]>();
  const namespace = attempt(() => readlinkSync('/proc/self/ns/net'));
  const ids = readdirSync('/proc').filter((name) => /^\d+$/.test(name));
  for (const pid of ids.map(Number).sort((a, b) => a - b)) {
    const descriptors = attempt(() => readdirSync(`/proc/${pid}/fd`)) ?? [];
    const attached = new Set(descriptors.map((fd) => attempt(() => deviceOf(pid, fd))));
    if (attached.size === 0 || attempt(() => readlinkSync(`/proc/${pid}/ns/net`)) !== namespace) continue;
    for (const name of attached) if (name) found.set(name, [...(found.get(name) ?? []), pid]);
  }
  return found;
}

/** The device that a descriptor is attached to. The file's name is asked first, which costs less. */
function deviceOf(pid: number, fd: string): string | undefined {
  if (!/\/[^/]*tun[^/]*$/.test(readlinkSync(`/proc/${pid}/fd/${fd}`))) return undefined;
  return /^iff:\t(.+)$/m.exec(readFileSync(`/proc/${pid}/fdinfo/${fd}`, 'utf8'))?.[1];
}

/** Processes end, and others' are closed to us: then there is nothing to be told. */
function attempt<T>(look: () => T): T | undefined {
  try {
    return look();
  } catch {
    return undefined;
  }
}
