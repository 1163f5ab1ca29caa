export { MachineError, type MachineErrorCode } from './error.ts';
export { type KernelImage, parseKernel } from './kernel.ts';
export { type InterruptPin, Machine, type MachineEvents, type PciFunction, type PortHandler } from './machine.ts';
export type { GuestMemory } from './memory.ts';
