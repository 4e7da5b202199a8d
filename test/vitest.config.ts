import { defineConfig } from 'vitest/config'

const source = ['@waybill/source', 'node', 'import', 'module', 'default']

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
  },
})
