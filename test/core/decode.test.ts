import { gzipSync } from 'node:zlib'
import { Event } from '@waybill/core'
import { expect, test } from 'vitest'
import { z } from 'zod'
import { jsonCodec } from '../../packages/core/src/codec.js'
import { decode, inspect } from '../../packages/core/src/decode.js'
import { defaultLimits } from '../../packages/core/src/limits.js'
import { enveloped, knownOf, prefix, rawDelivery } from './raw-delivery.js'

class OrderPlaced extends Event('order.placed', {
  version: 3,
  upcast: { 1: ({ id }: { id: string }) => ({ orderId: id }), 2: (old: { orderId: string }) => ({ ...old, at: '2026-01-01' }) },
  payload: z.object({ orderId: z.string(), at: z.coerce.date<string>() }),
}) {}

const rules = { codec: jsonCodec, limits: defaultLimits }
const known = knownOf(OrderPlaced)
const body = JSON.stringify({ orderId: 'o-1', at: '2026-02-03' })
const current = enveloped('order.placed', { [`${prefix}dataversion`]: '3' })

function refusalOf(given: Parameters<typeof rawDelivery>[0]): string {
  return decode(rawDelivery({ headers: current, body, ...given }), known, rules).refusal?.code ?? 'none'
}

test('a listener gets what the schema made of the payload', () => {
  const { message } = decode(rawDelivery({ headers: current, body }), known, rules)

  expect(message).toBeInstanceOf(OrderPlaced)
  expect(message).toMatchObject({ orderId: 'o-1', at: new Date('2026-02-03') })
})

test('a payload of an earlier version is brought up step by step', () => {
  const { message } = decode(rawDelivery({ headers: enveloped('order.placed'), body: '{"id":"o-2"}' }), known, rules)

  expect(message).toMatchObject({ orderId: 'o-2', at: new Date('2026-01-01') })
})

test('R8 a version that nobody here knows is refused, naming both', () => {
  const { refusal } = decode(rawDelivery({ headers: { ...current, [`${prefix}dataversion`]: '4' }, body }), known, rules)

  expect(refusal).toMatchObject({ code: 'UNKNOWN_VERSION', reason: expect.stringMatching(/"4".*up to 3/) })
})

test('R8 what is no version is shown as it came', () => {
  const reasonOf = (version: unknown) => decode(rawDelivery({ headers: { ...current, [`${prefix}dataversion`]: version }, body }), known, rules).refusal?.reason

  expect(reasonOf('abc')).toBe('Its version is to be a whole number above zero; found "abc". Mend who sent it.')
  expect(reasonOf(7)).toMatch(/^It is version 7 of ".*"; this service knows up to 3/)
})

test.for(['0', '-1', '1.5', 'x', '1e3', {}, null, 99999999999])('R8 %j is no version', (version) => {
  expect(refusalOf({ headers: { ...current, [`${prefix}dataversion`]: version } })).toBe('UNKNOWN_VERSION')
})

test('an upcast that throws is a refusal, not a crash', () => {
  expect(decode(rawDelivery({ headers: enveloped('order.placed'), body: 'null' }), known, rules).refusal?.code).toBe('UPCAST')
})

test('R8 a payload that breaks its schema is refused with the path', () => {
  const { refusal } = decode(rawDelivery({ headers: current, body: '{"orderId":7,"at":"2026-01-01"}' }), known, rules)

  expect(refusal).toMatchObject({ code: 'SCHEMA', reason: expect.stringContaining('orderId') })
})

test.for([
  ['truncated', body.slice(0, -3)],
  ['empty', ''],
  ['a NUL', `${body}\u0000`],
  ['two values', `${body}${body}`],
])('B07 a body that is %s is refused', ([, text]) => {
  expect(refusalOf({ body: text as string })).toBe('BODY')
})

test('B07 a byte order mark before the body is read over', () => {
  expect(refusalOf({ body: `\ufeff${body}` })).toBe('none')
})

test('B07 bytes that are no UTF-8 are refused', () => {
  expect(refusalOf({ body: Buffer.from([0x7b, 0xff, 0xfe, 0x7d]) })).toBe('BODY')
})

test('B07 brackets 5,000 levels deep are refused before they are parsed', () => {
  expect(refusalOf({ body: `${'['.repeat(5_000)}${']'.repeat(5_000)}` })).toBe('BODY')
})

test('B07 a thousand shallow lines are not taken for depth', () => {
  const lines = Array.from({ length: 1_000 }, () => ({ sku: 'a' }))

  expect(refusalOf({ body: JSON.stringify({ orderId: 'o', at: '2026-01-01', lines }) })).toBe('none')
})

test('B07 a number beyond all numbers does not fit a schema of numbers', () => {
  class Priced extends Event('priced', { payload: z.object({ price: z.number() }) }) {}

  expect(decode(rawDelivery({ headers: enveloped('priced'), body: '{"price":1e400}' }), knownOf(Priced), rules).refusal?.code).toBe('SCHEMA')
})

test.for(['text/plain', 'application/octet-stream', 'application/xml', '\u0000'])('B08 content type %j is refused', (contentType) => {
  expect(refusalOf({ contentType })).toBe('CONTENT_TYPE')
})

test.for([undefined, '', 'application/json', 'application/json; charset=utf-8', 'text/json', 'application/cloudevents+json'])(
  'B08 content type %j is read as JSON',
  (contentType) => {
    expect(refusalOf({ contentType })).toBe('none')
  },
)

test.for(['gzip', 'br', 'rot13'])('B08 content encoding %j is refused', (contentEncoding) => {
  expect(refusalOf({ contentEncoding })).toBe('CONTENT_TYPE')
})

test('B09 a bomb is refused packed: nobody unpacks it', () => {
  expect(refusalOf({ contentEncoding: 'gzip', body: gzipSync(Buffer.alloc(50_000_000)) })).toBe('CONTENT_TYPE')
})

test('B12 an envelope without an id is refused; a stranger without an envelope is not', () => {
  const without = Object.fromEntries(Object.entries(current).filter(([name]) => name !== `${prefix}id`))

  expect(refusalOf({ headers: without })).toBe('ENVELOPE')
  expect(inspect(rawDelivery({ headers: {} }), defaultLimits)).toBeUndefined()
})

test.for([
  ['very long', 'x'.repeat(256)],
  ['empty', ''],
  ['a number', 7],
  ['a table', { a: 1 }],
])('B12 an id that is %s is refused', ([, id]) => {
  expect(refusalOf({ headers: { ...current, [`${prefix}id`]: id } })).toBe('ENVELOPE')
})

test.for([100, 1_000, 4_000])('B01 a header nested %i levels deep is refused', (levels) => {
  let nested: unknown = 'end'
  for (let i = 0; i < levels; i++) nested = { nested }

  expect(refusalOf({ headers: { ...current, deep: nested } })).toBe('LIMIT')
})

test('B02 header keys that name an object’s own machinery are only keys', () => {
  const headers = JSON.parse(`{"__proto__":"a","constructor":"b","":"c","${'k'.repeat(255)}":"d"}`) as Record<string, unknown>

  expect(refusalOf({ headers: { ...current, ...headers } })).toBe('none')
})

test('C16 a body over the limit is refused, and says both sizes', () => {
  const { refusal } = decode(rawDelivery({ headers: current, body: Buffer.alloc(defaultLimits.bodyBytes + 1) }), known, rules)

  expect(refusal).toMatchObject({ code: 'LIMIT', reason: expect.stringContaining('1048577') })
})

test('more headers, or larger ones, than allowed are refused', () => {
  const many = Object.fromEntries(Array.from({ length: 65 }, (_, i) => [`h${i}`, 'x']))

  expect(refusalOf({ headers: { ...current, ...many } })).toBe('LIMIT')
  expect(refusalOf({ headers: { ...current, large: 'x'.repeat(16_385) } })).toBe('LIMIT')
})
