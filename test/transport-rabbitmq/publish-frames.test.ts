import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { expect, test } from 'vitest'
import type { PublishFields } from '../../packages/transport-rabbitmq/src/driver.js'
import { publishFrames } from '../../packages/transport-rabbitmq/src/publish-frames.js'

const load = createRequire(new URL('../../packages/transport-rabbitmq/src/driver.ts', import.meta.url))
// The driver exports its encoder to nobody, so it is found beside what it does export.
const inDriver = (file: string) => join(dirname(load.resolve('amqplib')), 'lib', file)
const { encodeMethod, encodeProperties, BasicPublish, BasicProperties } = load(inDriver('defs.js')) as Definitions
const { makeBodyFrame } = load(inDriver('frame.js')) as { makeBodyFrame(channel: number, body: Buffer): Buffer }
const frameMax = 131_072

test.each([
  ['the fewest fields', {}],
  ['every field', { mandatory: true, contentEncoding: 'gzip', priority: 7, correlationId: 'c-1', replyTo: 'amq.rabbitmq.reply-to.g1', expiration: '5000' }],
  ['no timestamp and no content type', { timestamp: undefined, contentType: undefined }],
  ['headers of text', { headers: { cloudEvents_id: 'i', cloudEvents_type: 'order.placed', tenant: '' } }],
  ['text beyond ASCII', { exchange: 'bestellungen-ä', type: '注文', headers: { Größe: 'groß 🙂', 注文: '確定' } }],
  ['a long key of a route', { routingKey: 'k'.repeat(85) }],
])('a publish with %s is written byte for byte as the driver writes it', (_, given) => {
  const fields = fieldsWith(given)
  const body = Buffer.from('{"orderId":"o-1"}')

  const frames = publishFrames(3, fields, body, frameMax)

  expect(frames?.toString('hex')).toBe(asTheDriver(3, fields, body).toString('hex'))
})

test('a body as large as one frame is written at once', () => {
  const body = Buffer.alloc(frameMax - 8, 'x')

  const frames = publishFrames(1, fieldsWith({}), body, frameMax)

  expect(frames?.equals(asTheDriver(1, fieldsWith({}), body))).toBe(true)
})

test.each([
  ['a header that is no text', fieldsWith({ headers: { count: 1 } }), Buffer.from('x')],
  ['a header that is a table', fieldsWith({ headers: { 'x-death': [{ count: 1 }] } }), Buffer.from('x')],
  ['a header of great length', fieldsWith({ headers: { stack: 's'.repeat(5_000) } }), Buffer.from('x')],
  ['a name of great length', fieldsWith({ headers: { ['n'.repeat(200)]: 'v' } }), Buffer.from('x')],
  ['an exchange of great length', fieldsWith({ exchange: 'e'.repeat(300) }), Buffer.from('x')],
  ['no body', fieldsWith({}), Buffer.alloc(0)],
  ['a body of several frames', fieldsWith({}), Buffer.alloc(frameMax)],
])('a publish with %s is left to the driver', (_, fields, body) => {
  expect(publishFrames(1, fields, body, frameMax)).toBeUndefined()
})

test('the most text that is taken fits, whatever its alphabet', () => {
  const headers = Object.fromEntries(Array.from({ length: 40 }, (_, at) => [`注文の名前-${at}`, '確'.repeat(85)]))
  const short = '文'.repeat(85)
  const fields = fieldsWith({
    headers,
    exchange: short,
    routingKey: short,
    contentType: short,
    contentEncoding: short,
    correlationId: short,
    replyTo: short,
    expiration: short,
    messageId: short,
    type: short,
  })
  const body = Buffer.from('x')

  const frames = publishFrames(1, fields, body, frameMax)

  expect(frames?.equals(asTheDriver(1, fields, body))).toBe(true)
})

function fieldsWith(given: Partial<PublishFields>): PublishFields {
  return {
    exchange: 'orders',
    routingKey: 'order.placed',
    mandatory: false,
    immediate: false,
    ticket: 0,
    headers: {},
    deliveryMode: 2,
    contentType: 'application/json',
    contentEncoding: undefined,
    priority: undefined,
    correlationId: undefined,
    replyTo: undefined,
    expiration: undefined,
    messageId: 'm-1',
    timestamp: 1_795_000_000,
    type: 'order.placed',
    ...given,
  }
}

function asTheDriver(channel: number, fields: PublishFields, body: Buffer): Buffer {
  return Buffer.concat([encodeMethod(BasicPublish, channel, fields), encodeProperties(BasicProperties, channel, body.length, fields), makeBodyFrame(channel, body)])
}

interface Definitions {
  readonly BasicPublish: number
  readonly BasicProperties: number
  encodeMethod(id: number, channel: number, fields: PublishFields): Buffer
  encodeProperties(id: number, channel: number, size: number, fields: PublishFields): Buffer
}
