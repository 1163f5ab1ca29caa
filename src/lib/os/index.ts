/** The one place that calls libc: everything that Node's own modules can't do. */
export { type Group, lookupGroup, lookupUser, type User } from './accounts.ts';
export * from './arena.ts';
export { asset, inBinary } from './assets.ts';
export { Directory } from './directory.ts';
export { errnoOf, errorText, hasCode, OsError, strerror } from './error.ts';
export * from './file.ts';
export * from './inet.ts';
export { koffi } from './koffi.ts';
export * from './mount.ts';
export { askNetlink, type NetlinkMessage } from './netlink.ts';
export { hasRaisedRights } from './privilege.ts';
export * from './process.ts';
export * from './socket.ts';
export type { FileType, Status, Timestamp } from './status.ts';
export * from './tty.ts';
export { type Watcher, type WatchHandlers, watch } from './watch.ts';
