export { configSpace } from './config-space.ts';
export * from './slots.ts';
export { VirtioDevice, type VirtioHandlers, type VirtioType } from './virtio.ts';
export { type Chain, type GuestRange, gather, rangesLength, scatter, type Virtqueue } from './virtqueue.ts';
