import { expect, test } from 'vitest'
import { seedsOf } from './seeds.js'
import { simulateStore } from './store-simulate.js'

test.each(Array.from({ length: 10 }, (_, i) => i * 1_000 + 1))(
  'I1 I3 I4 I5 hold with a store over a thousand seeds from %i on',
  async (from) => {
    const found: string[] = []
    for (const seed of seedsOf(from, 1_000)) found.push(...(await simulateStore(seed)).violations.map((one) => `seed ${seed}: ${one}`))

    expect(found).toEqual([])
  },
  600_000,
)
