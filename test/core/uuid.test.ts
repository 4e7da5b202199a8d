import { createHash, randomBytes } from 'node:crypto'
import { uuid7Source, uuid8From } from '../../packages/core/src/uuid.js'
import { expect, test } from 'vitest'

const zeros = (count: number) => new Uint8Array(count)
const ones = (count: number) => new Uint8Array(count).fill(0xff)

test('an id is a UUID of version 7 that begins with its moment', () => {
  const id = uuid7Source(randomBytes)(0x0192_3456_789a)

  expect(id).toMatch(/^01923456-789a-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/)
})

test('version and variant stand whatever chance gives', () => {
  expect(uuid7Source(zeros)(0)).toBe('00000000-0000-7000-8000-000000000000')
  expect(uuid7Source(ones)(0xffff_ffff_ffff)).toBe('ffffffff-ffff-77ff-bfff-ffffffffffff')
})

test('ids of one millisecond grow and differ, also more than its counter holds', () => {
  const next = uuid7Source(randomBytes)

  const ids = Array.from({ length: 20_000 }, () => next(1000))

  expect(new Set(ids).size).toBe(20_000)
  expect([...ids].sort()).toEqual(ids)
})

test('ids grow when the clock steps back', () => {
  const next = uuid7Source(randomBytes)

  const [before, after] = [next(5000), next(1000)]

  expect(after > before).toBe(true)
  expect(next(6000) > after).toBe(true)
})

test('a derived id is a UUID of version 8, the same for the same input', () => {
  const hash = createHash('sha256').update('cause').digest()

  const id = uuid8From(0x0192_3456_789a, hash)

  expect(id).toMatch(/^01923456-789a-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/)
  expect(uuid8From(0x0192_3456_789a, hash)).toBe(id)
  expect(uuid8From(0x0192_3456_789a, createHash('sha256').update('other').digest())).not.toBe(id)
})

test.each([[-1], [Number.NaN], [Number.NEGATIVE_INFINITY]])('a moment of %d counts as zero', (moment) => {
  expect(uuid8From(moment, zeros(10))).toBe('00000000-0000-8000-8000-000000000000')
})

test('a moment beyond 48 bits or with a fraction fits', () => {
  expect(uuid8From(Number.POSITIVE_INFINITY, zeros(10)).slice(0, 13)).toBe('ffffffff-ffff')
  expect(uuid8From(1.9, zeros(10)).slice(0, 13)).toBe('00000000-0001')
})
