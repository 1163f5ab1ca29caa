export { BlockDevice } from './block.ts';
export { CONSOLES, ConsoleDevice } from './console.ts';
export { type KernelName, kernelName, ManagementDevice, ManagementError } from './management.ts';
export { NetDevice } from './net.ts';
export { PowerPorts, type PowerState } from './power.ts';
export { SERIAL_PORTS } from './serial.ts';
export { plugSerialCard } from './serial-card.ts';
