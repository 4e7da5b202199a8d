import { readEnvelope, type RawDelivery } from '@waybill/core'
import { type Random, seededRandom } from '@waybill/testing'
import { hostileValue, table } from './hostile-value.js'
import { mutateBody, secret } from './mutated-body.js'
import { mutateHeaders } from './mutated-headers.js'

const types = ['order.placed', 'order.placed', 'order.placed', 'order.cancelled', 'com.acme.OrderPlaced', '__proto__']
const contentTypes = [
  undefined,
  '',
  'application/json',
  'application/json; charset=utf-8',
  'text/json',
  'APPLICATION/JSON',
  'application/cloudevents+json',
  'application/octet-stream',
  'text/plain',
  'application/x-protobuf',
  'application/json\0',
  `application/json;${' '.repeat(50_000)}x`,
  `application/${'a.'.repeat(30_000)}`,
  'json',
]
const encodings = [undefined, '', 'identity', 'utf-8', 'gzip', 'br', 'deflate', 'GZIP', 'gzip, br', 'x'.repeat(5_000), '\0']
const replyAddresses = [undefined, '', 'amq.rabbitmq.reply-to.g1h2', 'orders.billing', 'somebody.elses.queue', '../x', '\ud800', 'x'.repeat(70_000)]

/**
 * The nth delivery of that seed: one that was healthy before something happened to its headers, its body, or what is said about them.
 * The same seed and number give the same delivery, whatever was made before it.
 */
export function mutatedDelivery(seed: number, n: number): RawDelivery {
  const random = seededRandom(`${seed} ${n}`)
  const prefix = random.pick(['cloudEvents_', 'ce_'])
  const headers = healthyHeaders(random, prefix, n)
  const body = healthyBody(random, n)
  if (random.chance(0.6)) mutateHeaders(headers, random, prefix)

  return {
    envelope: readEnvelope(headers, prefix),
    headers,
    body: random.chance(0.6) ? mutateBody(body, random) : body,
    contentType: random.chance(0.2) ? random.pick(contentTypes) : 'application/json',
    contentEncoding: random.chance(0.1) ? random.pick(encodings) : undefined,
    replyTo: random.chance(0.1) ? random.pick(replyAddresses) : undefined,
    redelivered: random.chance(0.5),
    deliveryCount: random.chance(0.1) ? random.pick([undefined, -1, 0, 1e9, Number.NaN]) : undefined,
    origin: { address: 'orders.billing' },
    toGroup: false,
    isStale: false,
    settle: () => {},
  }
}

function healthyHeaders(random: Random, prefix: string, n: number): Record<string, unknown> {
  return table([
    [`${prefix}id`, `m-${n}`],
    [`${prefix}specversion`, '1.0'],
    [`${prefix}type`, random.pick(types)],
    [`${prefix}source`, '/shop/orders'],
    [`${prefix}time`, '2026-01-01T00:00:00.000Z'],
    [`${prefix}subject`, `o-${n % 100}`],
    ['traceparent', `00-${'a'.repeat(32)}-${'b'.repeat(16)}-01`],
    ['tenant', random.chance(0.1) ? hostileValue(random) : 'acme'],
  ])
}

function healthyBody(random: Random, n: number): Buffer {
  const lines = Array.from({ length: random.between(0, 4) }, (_, line) => ({ sku: `s-${line}`, count: random.between(1, 9) }))

  return Buffer.from(JSON.stringify({ orderId: `o-${n}`, total: random.between(0, 100_000) / 100, note: secret, lines }))
}
