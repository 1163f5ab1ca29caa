/**
 * The management console: its wire format, a client, a server, and notifications (spec 2 to 4). Programs that run
 * instances begin with `connect`, `discover`, `waitFor` and `notifications`.
 */
export { type Environment, type Instance, type OwnerState, UmidError, type UmidErrorCode } from '../umid/index.ts';
export { DEFAULT_TIMEOUT, type MconsoleReply, type RequestOptions, request } from './client.ts';
export { type Completion, type CompletionSources, completionsOf } from './completion.ts';
export { type KernelVersion, Mconsole, MconsoleRefusal } from './console.ts';
export {
  connect,
  type DiscoveredInstance,
  discover,
  instancesOf,
  type Place,
  type WaitOptions,
  waitFor,
} from './discover.ts';
export { MconsoleError, type MconsoleErrorCode } from './error.ts';
export { SERVER_HELP } from './help.ts';
export { History } from './history.ts';
export { type Comforts, linesOf, promptedLines, type Terminal } from './lines.ts';
export { CLIENT_HELP, type ClientCommand, parseLine } from './local.ts';
export { logRequests } from './log.ts';
export { type NotificationOptions, notifications, notify } from './notifications.ts';
export { absolutePaths, type RewrittenCommand } from './paths.ts';
export {
  type DecodedRequest,
  decodeNotification,
  decodePart,
  decodeRequest,
  encodeFault,
  encodeNotification,
  encodePart,
  encodeRequest,
  MAX_COMMAND,
  MAX_PART,
  type Notification,
  type ReplyPart,
  type RequestFault,
  splitText,
  VERSION,
} from './protocol.ts';
export { type Command, type MconsoleServer, type MconsoleServerOptions, type Reply, serveMconsole } from './server.ts';
