/** The virtual Ethernet switch: its control protocol, the guest's side of a port, and the switch itself. */
export { connectDaemon, type DaemonOptions, type DaemonPort } from './client/client.ts';
export { DaemonError, type DaemonErrorCode, SwitchError, type SwitchErrorDetail } from './error.ts';
export type { SwitchEvent } from './events.ts';
export * as switchMessages from './messages.ts';
export type {
  AddressFilter,
  AddressInfo,
  Attachment,
  Endpoint,
  Mirror,
  PortCounters,
  PortInfo,
  PortKind,
  PortVlan,
  Setting,
  SwitchSettings,
} from './ports.ts';
export { openSwitch, type Switch, type SwitchOptions } from './switch.ts';
