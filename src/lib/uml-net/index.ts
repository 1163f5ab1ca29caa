/** What UML's kernel has its helper do to the host's network (spec 11.1): the calls, and how they are carried out. */
export { type Call, parseCall, type Version } from './call.ts';
export { UmlNetError, type UmlNetErrorDetail } from './error.ts';
export { type Caller, type Outcome, perform } from './perform.ts';
export { encodeRecord, encodeTapMessage } from './record.ts';
