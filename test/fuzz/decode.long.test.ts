import { expect, test } from 'vitest'
import { decodeMany } from './decoding.js'

test('1,000,000 mutated deliveries: no crash, no hang, no growth', () => {
  const tally = decodeMany(2, 1_000_000)

  expect([...tally.values()].reduce((sum, count) => sum + count)).toBe(1_000_000)
}, 1_800_000)
