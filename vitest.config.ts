import { defineConfig } from 'vitest/config';
import ClosingLine from './test/support/closing-line.ts';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    // Real kernels, switches and images share two cores: files run one after the other, so that no test starves another.
    fileParallelism: false,
    // Tests that say so boot instances at the same time, each on a core.
    maxConcurrency: 2,
    // They only end what hangs: a busy machine has stood still for a minute.
    testTimeout: 180_000,
    hookTimeout: 180_000,
    expect: { poll: { timeout: 120_000 } },
    reporters: ['default', new ClosingLine()],
  },
});
