import 'reflect-metadata'
import { availableParallelism } from 'node:os'
import { defineConfig } from 'vitest/config'
import { BaseSequencer, type TestSpecification } from 'vitest/node'

// Node is given these too, for what it loads itself: "import" among them would make it require ES modules where CommonJS is meant.
const source = ['@waybill/source', 'node']

const longest = ['/test/simulation/simulation-', '/test/contract/memory.test.']

/** Begun last, the longest would run alone at the end, with a core that has nothing to do. */
class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const isLong = ({ moduleId }: TestSpecification): boolean => longest.some((name) => moduleId.includes(name))
    const sorted = await super.sort(files)

    return [...sorted.filter(isLong), ...sorted.filter((file) => !isLong(file))]
  }
}

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
    sequence: { sequencer: LongestFirst },
    testTimeout: 20_000,
    hookTimeout: 60_000,
  },
})
