import { listDevices } from '../tuntap/index.ts';

/** Who calls, by the rights that it has without the helper's. */
export interface Caller {
  uid: number;
  /** Its group and its supplementary groups. */
  groups: readonly number[];
}

/** Whether a tap device is the caller's, by its user or its group. All are root's. */
export function ownsDevice(device: string, { uid, groups }: Caller): boolean {
  if (uid === 0) return true;
  const found = listDevices().find(({ name }) => name === device);
  if (!found) return false;
  return found.owner === uid || (found.group !== undefined && groups.includes(found.group));
}
