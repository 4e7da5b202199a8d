import { expect, test } from 'vitest'
import { decodeMany } from './decoding.js'
import { mutatedDelivery } from './mutated-delivery.js'

test('20,000 mutated deliveries each become a message or a refusal that says why', () => {
  const tally = decodeMany(1, 20_000)

  expect([...tally.keys()].sort()).toEqual(['BODY', 'CONTENT_TYPE', 'ENVELOPE', 'LIMIT', 'SCHEMA', 'UNKNOWN_VERSION', 'UPCAST', 'message'])
  for (const count of tally.values()) expect(count).toBeGreaterThan(100)
}, 60_000)

test('the same seed and number give the same delivery', () => {
  const once = [17, 3, 4_711].map((n) => mutatedDelivery(9, n))
  const again = [4_711, 3, 17].map((n) => mutatedDelivery(9, n)).reverse()

  for (const [index, delivery] of once.entries()) {
    const { settle: _one, ...said } = delivery
    const { settle: _other, ...repeated } = again[index] ?? delivery
    expect(repeated).toEqual(said)
  }
  expect(mutatedDelivery(10, 17).headers).not.toEqual(once[0]?.headers)
})
