/** `linux`: a User Mode Linux instance on an emulated processor. */

export { restoreTerminals } from './channels/index.ts';
export { type CommandLine, CommandLineError, helpText, parseCommandLine } from './cmdline/index.ts';
export { StartError } from './instance/error.ts';
export { type Ending, Instance, type InstanceOptions } from './instance/instance.ts';
export { kernelConfig, kernelRelease } from './instance/kernel.ts';
