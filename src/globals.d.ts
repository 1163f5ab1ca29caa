/** Defined (true) by the esbuild bundle only; absent under tsx and vitest, so ask with typeof. */
declare const __BUNDLED__: true;

/** What we use of WebAssembly: neither ES2023 nor @types/node declares it, and lib DOM would bring in a browser. */
declare namespace WebAssembly {
  type Imports = Record<string, Record<string, unknown>>;
  type Exports = Record<string, unknown>;
  interface Memory {
    readonly buffer: ArrayBuffer;
  }
  function instantiate(
    bytes: Uint8Array<ArrayBufferLike>,
    imports?: Imports,
  ): Promise<{ instance: { exports: Exports } }>;
}
