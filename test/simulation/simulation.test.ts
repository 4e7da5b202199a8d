import { expect, test } from 'vitest'
import { faultless, seedsOf, simulateAll } from './seeds.js'
import { simulate } from './simulate.js'

test('I10 the same seed gives the same history, byte for byte, and another seed another', async () => {
  const hashes = new Set<string>()
  for (const seed of seedsOf(1, 20)) {
    const [first, second] = [await simulate(seed), await simulate(seed)]
    expect(second.hash, `seed ${seed}`).toBe(first.hash)
    hashes.add(first.hash)
  }

  expect(hashes.size).toBe(seedsOf(1, 20).length)
}, 60_000)

test('I8 memory does not grow with the number of messages that have passed', async () => {
  await simulateAll(seedsOf(1, 20))
  const before = faultless.heapBytes()
  await simulateAll(seedsOf(21, 60))

  expect(faultless.heapBytes() - before).toBeLessThan(8 * 1024 * 1024)
}, 60_000)

test('I9 without faults every order that is not done is in exactly one place', async () => {
  for (const seed of seedsOf(1, 10)) expect(await faultless.misplaced(seed), `seed ${seed}`).toEqual([])
}, 60_000)
