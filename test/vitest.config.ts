import 'reflect-metadata'
import { availableParallelism } from 'node:os'
import { defineConfig } from 'vitest/config'

// Node is given these too, for what it loads itself: "import" among them would make it require ES modules where CommonJS is meant.
const source = ['@waybill/source', 'node']

export default defineConfig({
  root: new URL('..', import.meta.url).pathname,
  oxc: { decorator: { legacy: true, emitDecoratorMetadata: true } },
  resolve: { conditions: source },
  ssr: { resolve: { conditions: source } },
  test: {
    include: ['test/**/*.test.ts'],
    exclude: ['**/node_modules/**', '**/dist/**', 'test/bench/rivals/**'],
    setupFiles: ['test/setup/vitest.ts'],
    pool: 'threads',
    isolate: false,
    // Two cores would get one worker, and a suite that waits for a broker leaves its core idle.
    maxWorkers: Math.max(2, availableParallelism() - 1),
    testTimeout: 20_000,
    hookTimeout: 60_000,
  },
})
