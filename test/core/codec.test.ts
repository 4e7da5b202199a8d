import { expect, test } from 'vitest'
import { jsonCodec } from '../../packages/core/src/codec.js'
import { fittingHeaders, nestsTooDeep } from '../../packages/core/src/limits.js'

test('brackets inside texts are no depth', () => {
  const body = Buffer.from(JSON.stringify({ text: `${'['.repeat(100)}\\"${'{'.repeat(100)}` }))

  expect(nestsTooDeep(body, 32)).toBe(false)
})

test('exactly the allowed depth is allowed, one more is not', () => {
  expect(nestsTooDeep(Buffer.from(`${'['.repeat(32)}${']'.repeat(32)}`), 32)).toBe(false)
  expect(nestsTooDeep(Buffer.from(`${'['.repeat(33)}${']'.repeat(33)}`), 32)).toBe(true)
})

test('a payload that is nothing in JSON is refused', () => {
  expect(() => jsonCodec.encode(undefined)).toThrow('nothing that JSON can write')
})

test('a dead letter carries the headers that fit, and drops what does not', () => {
  const kept = fittingHeaders({ small: 'a', huge: 'x'.repeat(20_000), deep: { a: { b: 1 } } }, { bodyBytes: 1, headers: 10, headerBytes: 100, nesting: 1 })

  expect(Object.keys(kept)).toEqual(['small'])
})
