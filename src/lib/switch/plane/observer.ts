/** Looks at frames on their way through the forwarder. The bytes are as they were on the wire, and stay only for the call. */
export interface FrameObserver {
  /** A frame came from a port. `offset` is its place in the arena, a multiple of 4. */
  received(port: number, offset: number, length: number): void;
  /** A frame was handed to a port's link, which may still lose it. */
  sent(port: number, offset: number, length: number): void;
}
