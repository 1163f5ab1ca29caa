/** TUN/TAP devices: the host's ends of networks that live in a program (linux/if_tun.h). */
export {
  type AttachedDevice,
  type AttachOptions,
  attachedDevice,
  attachTap,
  attachTun,
  CLONE_DEVICE,
  type CreateOptions,
  createDevice,
  deleteDevice,
  setOwner,
} from './device.ts';
export { TuntapError, type TuntapErrorDetail, type TuntapRequest } from './error.ts';
export type { Link, TuntapMode } from './link.ts';
export { type Device, listDevices, setCarrier } from './links.ts';
