/** Whether a root file system can run on the machine's processor. */
export { checkRoot, type RootProblem } from './check.ts';
export type { ReadableDisk } from './ext.ts';
