import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import type { Envelope, Outgoing } from '@waybill/core'
import { expect, test } from 'vitest'
import type { PublishFields } from '../../packages/transport-rabbitmq/src/driver.js'
import { PublishFrames } from '../../packages/transport-rabbitmq/src/publish-frames.js'
import { fieldsOf, headersOf, type Route } from '../../packages/transport-rabbitmq/src/wire.js'
import { message } from './bed.js'

const load = createRequire(new URL('../../packages/transport-rabbitmq/src/driver.ts', import.meta.url))
// The driver exports its encoder to nobody, so it is found beside what it does export.
const inDriver = (file: string) => join(dirname(load.resolve('amqplib')), 'lib', file)
const { encodeMethod, encodeProperties, BasicPublish, BasicProperties } = load(inDriver('defs.js')) as Definitions
const { decodeFrame, makeBodyFrame, parseFrame } = load(inDriver('frame.js')) as Frames
const frameMax = 131_072
const route: Route = { exchange: 'orders', routingKey: 'order.placed', copies: ['#'] }

const envelope: Envelope = {
  id: 'm-1',
  type: 'order.placed',
  source: '/shop',
  time: '2026-11-21T12:00:00.000Z',
  subject: 'o-1',
  dataVersion: 3,
  correlationId: 'c-1',
  causationId: 'c-2',
  traceparent: '00-1-2-01',
  tracestate: 'a=1',
  baggage: 'b=2',
}

test.each<[string, Partial<Outgoing>, Partial<Route>?]>([
  ['the fewest parts', { contentType: undefined }, { copies: undefined }],
  [
    'every part',
    { envelope, mandatory: true, contentEncoding: 'gzip', priority: 7, replyTo: 'amq.rabbitmq.reply-to.g1', expiresMs: 5_000, headers: { tenant: 'acme', empty: '' } },
  ],
  ['a time that is none', { envelope: { ...envelope, time: 'yesterday' } }],
  ['text beyond ASCII', { envelope: { ...envelope, type: '注文', subject: 'Bestellung-ä' }, headers: { Größe: 'groß 🙂', 注文: '確定' } }, { exchange: 'bestellungen-ä' }],
  ['text longer than a loop is good for', { headers: { note: 'ä'.repeat(70), plain: 'n'.repeat(1_000) } }, { routingKey: 'k'.repeat(85) }],
  ['several copies', {}, { routingKey: 'order.placed.keyed.7', copies: ['#', 'order.placed.keyed'] }],
  ['the address of a reply', { to: { kind: 'reply', address: 'amq.rabbitmq.reply-to.g1' }, mandatory: true }, { exchange: '', copies: undefined }],
])('a publish with %s is written as the driver writes it', (_, given, over) => {
  const outgoing = message('{"orderId":"o-1"}', given)
  const way = { ...route, ...over }

  const frames = written(new PublishFrames(3, frameMax), [outgoing], way)

  expect(decoded(frames)).toEqual(decoded(asTheDriver(3, outgoing, way)))
})

test('publishes of one turn stand one behind the other, also where one is of another kind and where one needs a piece of its own', () => {
  const others = [message('c', { envelope }), message('d', { mandatory: true }), message('e', { contentType: 'text/plain' })]
  const all = [message('a'), message('b'), ...others, message('x'.repeat(100_000)), message('y'.repeat(frameMax - 8)), message('z')]

  const frames = written(new PublishFrames(1, frameMax), all, route)

  expect(decoded(frames)).toEqual(all.flatMap((each) => decoded(asTheDriver(1, each, route))))
})

test('what was taken is not touched by what comes later', () => {
  const frames = new PublishFrames(1, frameMax)
  const first = message('first')
  frames.add(first, route, undefined)
  const taken = frames.take()

  for (let n = 0; n < 200; n++) frames.add(message('l'.repeat(1_000)), route, undefined)

  expect(decoded(Buffer.concat(taken))).toEqual(decoded(asTheDriver(1, first, route)))
})

test('the most text that is taken fits, whatever its alphabet', () => {
  const short = '文'.repeat(85)
  const headers = Object.fromEntries(Array.from({ length: 15 }, (_, at) => [`注文の名前-${at}`, '確'.repeat(200)]))
  const outgoing = message('x', { envelope: { ...envelope, id: short, type: short }, headers, replyTo: short, contentType: short, contentEncoding: short, expiresMs: 1 })
  const way = { exchange: short, routingKey: short, copies: [short, short] }

  const frames = written(new PublishFrames(1, frameMax), [outgoing], way, short)

  expect(decoded(frames)).toEqual(decoded(asTheDriver(1, outgoing, way, short)))
})

test.each<[string, Outgoing, Partial<Route>?]>([
  ['a header that is no text', message('x', { headers: { count: 1 } })],
  ['a header that is a table', message('x', { headers: { 'x-death': [{ count: 1 }] } })],
  ['a header that routes', message('x', { headers: { BCC: 'elsewhere' } })],
  ['a header that belongs to the envelope', message('x', { headers: { cloudEvents_id: 'other' } })],
  ['a header that the driver loses', message('x', { headers: JSON.parse('{"__proto__":"x"}') as Record<string, unknown> })],
  ['a header of great length', message('x', { headers: { stack: 's'.repeat(5_000) } })],
  ['a name of great length', message('x', { headers: { ['n'.repeat(200)]: 'v' } })],
  ['a key of great length', message('x', { key: 'k'.repeat(5_000) })],
  ['an exchange of great length', message('x'), { exchange: 'e'.repeat(300) }],
  ['another group alone as its aim', message('x', { to: { kind: 'group', channel: 'orders', group: 'billing' } })],
  ['no body', message('')],
  ['a body of several frames', message('x'.repeat(frameMax))],
])('a publish with %s is left to the driver', (_, outgoing, over) => {
  const frames = new PublishFrames(1, frameMax)

  expect(frames.add(outgoing, { ...route, ...over }, undefined)).toBe(false)
  expect(frames.take()).toEqual([])
})

function written(frames: PublishFrames, messages: readonly Outgoing[], way: Route, correlationId?: string): Buffer {
  for (const each of messages) expect(frames.add(each, way, correlationId)).toBe(true)

  return Buffer.concat(frames.take())
}

function asTheDriver(channel: number, outgoing: Outgoing, way: Route, correlationId?: string): Buffer {
  const body = Buffer.from(outgoing.body)
  const fields = fieldsOf(outgoing, way, headersOf(outgoing, way), correlationId)

  return Buffer.concat([encodeMethod(BasicPublish, channel, fields), encodeProperties(BasicProperties, channel, body.length, fields), makeBodyFrame(channel, body)])
}

/** As a peer reads it: the order of headers means nothing. */
function decoded(bytes: Buffer): unknown[] {
  const frames: unknown[] = []
  for (let rest = bytes; rest.length > 0; ) {
    const frame = parseFrame(rest)
    if (!frame) throw new Error(`${rest.length} bytes are no frame.`)
    const found = decodeFrame(frame)
    // Comparing large bodies byte by byte takes seconds.
    frames.push(found.content ? { ...found, content: found.content.toString('latin1') } : found)
    rest = frame.rest
  }

  return frames
}

interface Definitions {
  readonly BasicPublish: number
  readonly BasicProperties: number
  encodeMethod(id: number, channel: number, fields: PublishFields): Buffer
  encodeProperties(id: number, channel: number, size: number, fields: PublishFields): Buffer
}

interface Frames {
  makeBodyFrame(channel: number, body: Buffer): Buffer
  parseFrame(bytes: Buffer): { readonly rest: Buffer } | false
  decodeFrame(frame: object): { readonly content?: Buffer }
}
