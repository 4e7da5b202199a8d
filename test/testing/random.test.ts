import { seededRandom } from '@waybill/testing'
import { expect, test } from 'vitest'

test('the same seed gives the same numbers for ever', () => {
  const numbers = Array.from(
    { length: 3 },
    (
      (random) => () =>
        random.between(0, 999_999)
    )(seededRandom(1)),
  )

  expect(numbers).toMatchInlineSnapshot(`
    [
      519376,
      532479,
      224221,
    ]
  `)
})

test('neighbouring seeds and texts begin far apart', () => {
  const firsts = [0, 1, 2, '1 ids', '10', 'a'].map((seed) => seededRandom(seed).next())

  expect(new Set(firsts).size).toBe(firsts.length)
  expect(seededRandom('7').next()).toBe(seededRandom(7).next())
})

test('numbers are spread evenly, within their bounds', () => {
  const random = seededRandom(3)
  const counts = new Array<number>(10).fill(0)

  for (let n = 0; n < 100_000; n++) {
    const drawn = random.between(5, 14)
    counts[drawn - 5] = (counts[drawn - 5] ?? 0) + 1
  }

  expect(counts).toHaveLength(10)
  for (const count of counts) expect(Math.abs(count - 10_000)).toBeLessThan(500)
})

test('chance, pick and byte keep their promises', () => {
  const random = seededRandom('x')

  expect([random.chance(0), random.chance(1)]).toEqual([false, true])
  expect(['a', 'b']).toContain(random.pick(['a', 'b']))
  for (let n = 0; n < 1000; n++) expect(random.byte() >>> 8).toBe(0)
  expect(() => random.pick([])).toThrow('"pick" needs at least one item')
})
