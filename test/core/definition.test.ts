import { Command, Event, Query, unchecked } from '@waybill/core'
import { type } from 'arktype'
import * as v from 'valibot'
import { expect, test } from 'vitest'
import { z } from 'zod'
import { resolveDefinition } from '../../packages/core/src/definition.js'
import { InvalidMessage } from '../../packages/core/src/error.js'
import { definitionOf } from '../../packages/core/src/message.js'
import { faultOfSchema } from '../../packages/core/src/schema.js'
import { expectCodes, expectFault } from './fault-list.js'

const payload = z.object({ id: z.string() })

class ByZod extends Event('thing.by-zod', { key: 'id', payload: z.object({ id: z.string(), at: z.coerce.date<string>() }) }) {}
class ByValibot extends Event('thing.by-valibot', {
  key: 'id',
  payload: v.object({
    id: v.string(),
    at: v.pipe(
      v.string(),
      v.transform((text) => new Date(text)),
    ),
  }),
}) {}
class ByArktype extends Event('thing.by-arktype', { key: 'id', payload: type({ id: 'string', at: 'string.date.parse' }) }) {}

test.each([ByZod, ByValibot, ByArktype])('a message validates with any schema, input on the wire, output for the listener: $name', (Seen) => {
  const message = new Seen({ id: 'a', at: '2026-01-02T00:00:00.000Z' })

  expect(message.at).toEqual(new Date('2026-01-02T00:00:00.000Z'))
  expect(definitionOf(Seen)?.keyOf?.(message)).toBe('a')
  expect(definitionOf(Seen)?.faults).toEqual([])
})

test.each([ByZod, ByValibot, ByArktype])('a payload that its schema refuses names the message and the field: $name', (Seen) => {
  expect(() => new Seen({ id: 1 as never, at: '2026-01-02T00:00:00.000Z' })).toThrow(/^"thing\.by-[a-z]+" does not fit its schema: id: /)
})

test('a message travels on the channel its name begins with', () => {
  expect(resolveDefinition('event', 'order.placed', { payload }).channel).toBe('order')
  expect(resolveDefinition('event', 'ping', { payload }).channel).toBe('ping')
  expect(resolveDefinition('event', 'order.placed', { channel: 'orders.eu', payload }).channel).toBe('orders.eu')
})

test.each([
  undefined,
  null,
  5,
  'text',
  [],
  () => ({}),
  Symbol('s'),
  10n,
  new Proxy(
    {},
    {
      ownKeys: () => {
        throw new Error('no')
      },
    },
  ),
])('defining never throws, whatever is given: %#', (given) => {
  for (const kind of ['event', 'command', 'query'] as const) expect(resolveDefinition(kind, given, given).faults.length).toBeGreaterThan(0)
})

test.each([
  ['Order.Placed', 'words separated by dots'],
  ['', 'words separated by dots'],
  ['order..placed', 'words separated by dots'],
  ['order.dead', 'the word "dead" is reserved'],
  ['retry.order', 'the word "retry" is reserved'],
  ['a'.repeat(101), 'at most 100 characters'],
])('the message name "%s" is refused', (name, says) => {
  expectFault(resolveDefinition('event', name, { payload }).faults, 'MESSAGE_NAME', 'Event ', says)
})

test('the wrong name of a channel is refused', () => {
  expectFault(resolveDefinition('command', 'stock.reserve', { channel: 'Stock', payload }).faults, 'CHANNEL_NAME', 'Command "stock.reserve"', 'found "Stock"')
})

test('a message without a schema is refused, and no value gets past it', () => {
  expectFault(resolveDefinition('event', 'thing.seen', {}).faults, 'PAYLOAD_SCHEMA', 'Standard Schema', 'found undefined', 'payload: z.object')
  class Seen extends Event('thing.seen', {} as never) {}

  expect(() => new Seen({} as never)).toThrow(InvalidMessage)
})

test('a schema in the place of the options is told so, once, and is used', () => {
  const { faults, schema } = resolveDefinition('event', 'thing.done', payload)

  expectCodes(faults, 'MESSAGE_OPTIONS')
  expectFault(faults, 'MESSAGE_OPTIONS', 'found the schema itself. Write { payload: z.object({ … }) }')
  expect(schema).toBe(payload)
})

test('something that only looks like a schema is refused', () => {
  expectFault(resolveDefinition('event', 'thing.seen', { payload: { parse: () => 1 } }).faults, 'PAYLOAD_SCHEMA', 'an object of Object')
  expectFault(resolveDefinition('event', 'thing.seen', { payload: { '~standard': { version: 2, validate: () => 1 } } }).faults, 'PAYLOAD_SCHEMA')
})

test('a query without a reply schema is refused', () => {
  expectFault(resolveDefinition('query', 'quote.get', { payload }).faults, 'REPLY_SCHEMA', 'Query "quote.get"', 'Say what answers it')
})

test('a key that is neither a field nor a function is refused', () => {
  expectFault(resolveDefinition('event', 'thing.seen', { key: 5, payload }).faults, 'KEY', 'name of a field of the payload or a function', 'found 5')
})

test.each([0, -1, 1.5, '2', Number.NaN])('the version %s is refused', (version) => {
  expectFault(resolveDefinition('event', 'thing.seen', { version, payload }).faults, 'VERSION', 'positive whole number')
})

test('a mistyped option of a message gets a suggestion', () => {
  expectFault(resolveDefinition('event', 'thing.seen', { chanel: 'a', payload }).faults, 'UNKNOWN_OPTION', 'Event "thing.seen" has no option "chanel"', 'Did you mean "channel"?')
  expectFault(resolveDefinition('event', 'thing.seen', { reply: payload, payload }).faults, 'UNKNOWN_OPTION', '"reply"')
})

test('only an event can ask to be heard', () => {
  expect(resolveDefinition('event', 'thing.seen', { heard: true, payload })).toMatchObject({ heard: true, faults: [] })
  expectCodes(resolveDefinition('command', 'thing.do', { heard: true, payload }).faults, 'HEARD')
  expectCodes(resolveDefinition('event', 'thing.seen', { heard: 'yes', payload }).faults, 'HEARD')
  expectCodes(resolveDefinition('query', 'thing.get', { heard: true, payload, reply: payload }).faults, 'HEARD')
})

test('a foreign name is a text that is not empty', () => {
  expect(resolveDefinition('event', 'thing.seen', { foreign: { name: 'com.acme.Seen' }, payload })).toMatchObject({ foreignName: 'com.acme.Seen', faults: [] })
  for (const foreign of [{}, { name: '' }, 'com.acme.Seen', { name: 'a', channel: 'b' }]) {
    expectFault(resolveDefinition('event', 'thing.seen', { foreign, payload }).faults, 'FOREIGN_NAME', "{ name: '…' }")
  }
})

test('every fault of a definition is found at once', () => {
  const faults = resolveDefinition('query', 'Bad', { channel: 'BAD', key: {}, version: 0, foreign: 1, upcasts: {} }).faults

  expectCodes(faults, 'MESSAGE_NAME', 'CHANNEL_NAME', 'KEY', 'VERSION', 'FOREIGN_NAME', 'UNKNOWN_OPTION', 'PAYLOAD_SCHEMA', 'REPLY_SCHEMA')
})

test('a payload of an earlier version is brought up a step at a time', () => {
  const { upcast, faults } = resolveDefinition('event', 'thing.seen', {
    version: 3,
    payload,
    upcast: { 1: (old: { nr: number }) => ({ no: old.nr }), 2: (old: { no: number }) => ({ id: String(old.no) }) },
  })

  expect(faults).toEqual([])
  expect(upcast[2]?.(upcast[1]?.({ nr: 7 }))).toEqual({ id: '7' })
})

test('versions that nobody sends any more need no step', () => {
  expect(resolveDefinition('event', 'thing.seen', { version: 3, payload, upcast: { 2: (old: object) => old } }).faults).toEqual([])
})

test.each([
  [{ 1: (old: object) => old }, 'the step from version 2 is missing'],
  [{ 2: (old: object) => old, 3: (old: object) => old }, 'a step from version 3, but the message is at version 3'],
  [{ 2: 'text' }, 'from version 2 is a function; found "text"'],
  [{ 2: (old: object) => old, '1.5': (old: object) => old }, 'found "1.5"'],
  [5, 'an object of functions'],
])('the upcast chain %# is refused', (upcast, says) => {
  expect(
    resolveDefinition('event', 'thing.seen', { version: 3, payload, upcast })
      .faults.map(({ message }) => message)
      .join('\n'),
  ).toContain(says)
})

test.each([
  ['field', 'id' as const],
  ['function', (found: { id: unknown }) => found.id as string],
])('a key found by %s is a text of 1 to 255 bytes or a number', (_name, key) => {
  const keyOf = resolveDefinition('event', 'thing.seen', { key, payload: unchecked<{ id: unknown }>() }).keyOf

  expect(keyOf?.({ id: 12 })).toBe('12')
  expect(keyOf?.({ id: 'é'.repeat(127) })).toBe('é'.repeat(127))
  for (const id of ['', undefined, null, Number.NaN, {}, true, 'é'.repeat(128), 'x'.repeat(256)]) expect(() => keyOf?.({ id })).toThrow(InvalidMessage)
})

test('a key function that throws says so without its values', () => {
  const keyOf = resolveDefinition('event', 'thing.seen', {
    key: () => {
      throw new Error('secret 4711')
    },
    payload,
  }).keyOf

  expect(() => keyOf?.({})).toThrow('"thing.seen" does not fit its schema: key: its key function threw.')
})

test('a schema that always waits is found by asking it about nothing', () => {
  const waits = v.objectAsync({ id: v.string() })

  expect(faultOfSchema(waits as never, 'thing.seen')).toMatchObject({ code: 'ASYNCHRONOUS_SCHEMA', message: expect.stringContaining('"thing.seen"') })
  for (const schema of [payload, v.object({ id: v.string() }), type({ id: 'string' }), unchecked()]) expect(faultOfSchema(schema, 'thing.seen')).toBeUndefined()
})

test('a schema that waits at a single value refuses that value', () => {
  class Seen extends Command('thing.check', { payload: payload.refine(async () => true) }) {}

  expect(() => new Seen({ id: 'a' })).toThrow('answers with a promise')
})

test('a definition is found through every class that extends it', () => {
  class Get extends Query('thing.get', { payload, reply: payload }) {}
  class Special extends Get {}

  expect(definitionOf(Special)).toBe(definitionOf(Get))
  for (const other of [undefined, null, 5, {}, Object, class {}]) expect(definitionOf(other)).toBeUndefined()
})

test('a key whose field is mistyped says which fields there are', () => {
  const keyOf = resolveDefinition('event', 'thing.seen', { key: 'ordrId', payload: unchecked<{ orderId: string }>() }).keyOf

  expect(() => keyOf?.({ orderId: 'a', total: 1 })).toThrow(
    'a key is a string or a number; found no field of that name in the payload, which has orderId, total. Did you mean "orderId"? Name one of them as `key` of the message',
  )
})
