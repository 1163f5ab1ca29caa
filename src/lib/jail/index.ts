/** The jail of jail_uml: a command confined to a directory, as a user without privileges (spec 11.5). */
export { JailError, type JailErrorCode } from './error.ts';
export { type Inmate, inmate } from './inmate.ts';
export { interpreterOf } from './interpreter.ts';
export { failedCall, type JailOptions, jail } from './jail.ts';
export { type Attempt, kernelAddress, openForWriting, readIntoKernel, writeToKernel } from './probe.ts';
