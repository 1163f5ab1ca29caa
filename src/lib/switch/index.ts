/** The virtual Ethernet switch: its control protocol, the guest's side of a port, the switch itself, and its console. */
export { ATTACHMENT_FORMS, parseAttachment } from './attachment-words.ts';
export type { CaptureInfo, CaptureOptions } from './capture/captures.ts';
export { CaptureError } from './capture/error.ts';
export { openSink, type Sink, sinkOfDescriptor } from './capture/sink.ts';
export { connectDaemon, type DaemonOptions, type DaemonPort } from './client/client.ts';
export { ConsoleClient, ConsoleUnreachable, type Reply, withAbsoluteFiles } from './console/client.ts';
export type { Managed, ManagedSwitch } from './console/command.ts';
export { runLine } from './console/connection.ts';
export { ConsoleError } from './console/error.ts';
export { type ConsoleSocket, openConsole } from './console/server.ts';
export { COMMANDS, completions } from './console/table.ts';
export { splitWords } from './console/words.ts';
export type { SocketAccess } from './control/sockets.ts';
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
export { openSwitch, type SocketRole, type Switch, type SwitchOptions } from './switch.ts';
