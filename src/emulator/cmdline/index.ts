/** The words of `linux`: its command line, and the same device words as mconsole's `config` brings them. Pure. */
export { CommandLineError, DeviceError, type DeviceProblem } from './error.ts';
export { CONSOLE_COUNT, type LineWord, MACHINE_SERIAL_LINES, parseOneLine, SERIAL_LINE_COUNT } from './line.ts';
export { announceNic, type DaemonNic, formatMac, type NicConfig, type NicWord, parseEth, parseVec } from './nic.ts';
export { helpText, OPTIONS, type OptionHelp } from './options.ts';
export { type CommandLine, type HostfsConfig, parseCommandLine, type Warning, type XtermConfig } from './parse.ts';
export { parseUbd, parseUnit, rootDisk, UBD_COUNT, type UbdConfig, type UbdWord } from './ubd.ts';
