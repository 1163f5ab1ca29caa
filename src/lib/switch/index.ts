/** The virtual Ethernet switch: its control protocol, the guest's side of a port, and the switch itself. */
export { connectDaemon, type DaemonOptions, type DaemonPort } from './client.ts';
export { DaemonError, type DaemonErrorCode } from './error.ts';
