/** The logs that UML writes of what is typed and shown at its ttys and of the commands that are run (spec 12). */
export { Asciicast, type Screen } from './asciicast.ts';
export { describe } from './describe.ts';
export { TtyLogError, type TtyLogErrorCode } from './error.ts';
export { type Choice, Pace, Sessions, shown } from './playback.ts';
export { type Log, openLog, type ReadOptions } from './read.ts';
export { decodeRecord, encodeRecord, type TtyRecord } from './record.ts';
