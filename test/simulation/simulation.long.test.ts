import { expect, test } from 'vitest'
import { seedsOf, simulateAll } from './seeds.js'

test.each(Array.from({ length: 10 }, (_, i) => i * 1_000 + 1))(
  'I1 I2 I4 I6 I7 I9 hold over a thousand seeds from %i on',
  async (from) => {
    expect(await simulateAll(seedsOf(from, 1_000))).toEqual([])
  },
  600_000,
)
