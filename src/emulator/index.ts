/** `linux`: a User Mode Linux instance on an emulated processor. */
export { type CommandLine, CommandLineError, helpText, parseCommandLine } from './cmdline/index.ts';
export { restoreTerminals } from './channels/index.ts';
export { StartError } from './instance/error.ts';
export { type Ending, Instance, type InstanceOptions } from './instance/instance.ts';
export { kernelConfig, kernelRelease } from './instance/kernel.ts';
