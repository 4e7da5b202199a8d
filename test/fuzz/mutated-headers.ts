import type { Random } from '@waybill/testing'
import { hostileValue, table } from './hostile-value.js'

type Block = Record<string, unknown>
type Mutation = (headers: Block, random: Random, prefix: string) => void

const attributes = ['id', 'specversion', 'type', 'source', 'time', 'subject', 'dataversion', 'correlationid', 'causationid']
const unprefixed = ['traceparent', 'tracestate', 'baggage']
const hostileNames = [
  '__proto__',
  'constructor',
  'prototype',
  'toString',
  'hasOwnProperty',
  'then',
  '',
  ' ',
  '\0',
  '\ud800',
  'x'.repeat(255),
  'x'.repeat(300),
  'waybill-',
  'x-',
  'cloudEvents_',
  'ce_',
]
const traceparents = [
  '',
  '00',
  '00-0-0-0',
  `00-${'0'.repeat(32)}-${'0'.repeat(16)}-01`,
  `ff-${'a'.repeat(32)}-${'b'.repeat(16)}-01`,
  `00-${'A'.repeat(32)}-${'b'.repeat(16)}-01`,
  `00-${'a'.repeat(32)}-${'b'.repeat(16)}-01-more`,
  `00-${'a'.repeat(32)}-${'b'.repeat(16)}-01\n`,
  `00-${'-'.repeat(50_000)}`,
]
const ours = [
  'waybill-attempt',
  'waybill-dead-reason',
  'waybill-dead-message',
  'waybill-dead-attempts',
  'waybill-dead-origin',
  'waybill-dead-group',
  'waybill-origin-id',
  'waybill-reply-error',
  'waybill-reply-code',
  'waybill-deadline',
  'waybill-context-tenant',
  'waybill-context-',
  'waybill-context-__proto__',
]
const versions = ['0', '1', '2', '3', '4', '99', '-1', '01', '1.0', '٢', '1e0', ' 2', 2, 2.5, Number.NaN, 4_294_967_298, '9'.repeat(400)]

const mutations: readonly Mutation[] = [
  (headers, random, prefix) => delete headers[prefix + random.pick(attributes)],
  (headers, random, prefix) => put(headers, prefix + random.pick(attributes), hostileValue(random)),
  (headers, random) => put(headers, random.pick(unprefixed), hostileValue(random)),
  (headers, random) => put(headers, random.pick(hostileNames), hostileValue(random)),
  (headers, random) => put(headers, random.pick(ours), hostileValue(random)),
  (headers, random) => put(headers, random.pick(attributes), hostileValue(random)),
  (headers, random) => put(headers, 'traceparent', random.pick(traceparents)),
  (headers, random, prefix) => put(headers, `${prefix}dataversion`, random.pick(versions)),
  // Reused: many bodies under one id.
  (headers, _random, prefix) => put(headers, `${prefix}id`, 'm-1'),
  (headers, random) => put(headers, 'waybill-attempt', random.pick([-1, 0, 1e9, '7', '-0x10', Number.NaN, '999999999999999999999'])),
  (headers, random) => put(headers, 'x-death', forgedDeaths(random)),
  (headers, random) => put(headers, 'x-delivery-count', random.pick([-1, 1e9, '5', Number.MAX_SAFE_INTEGER])),
  (headers, random) => addMany(headers, random.pick([50, 56, 64, 65, 500])),
  (headers, random, prefix) => moveKind(headers, random, prefix),
  (headers, random) => repeatNames(headers, random),
]

/** Changes one to four things about a header block. */
export function mutateHeaders(headers: Block, random: Random, prefix: string): void {
  for (let left = random.between(1, 4); left > 0; left--) random.pick(mutations)(headers, random, prefix)
}

function put(headers: Block, name: string, value: unknown): void {
  headers[name] = value
}

/** What RabbitMQ writes, with counts that nobody reached. */
function forgedDeaths(random: Random): unknown {
  const death = () =>
    table([
      ['count', random.pick([0, -1, 999_999, 'many'])],
      ['reason', random.pick(['rejected', 'expired', 5])],
      ['queue', random.pick(['orders.billing', '', '\ud800'])],
      ['routing-keys', ['order.placed']],
      ['time', hostileValue(random)],
    ])

  return random.chance(0.2) ? hostileValue(random) : Array.from({ length: random.between(0, 30) }, death)
}

function addMany(headers: Block, count: number): void {
  for (let n = 0; n < count; n++) headers[`h${n}`] = n
}

/** The same text as bytes, as a list of one, as an object: what other clients make of a string. */
function moveKind(headers: Block, random: Random, prefix: string): void {
  const name = prefix + random.pick(attributes)
  const value = String(typeof headers[name] === 'string' ? headers[name] : 'x')
  headers[name] = random.pick([Buffer.from(value), [value], table([['value', value]]), value.repeat(40), `${value}\0`, value.toUpperCase()])
}

/** The same name in another case stands beside the true one. */
function repeatNames(headers: Block, random: Random): void {
  for (const name of Object.keys(headers).slice(0, 20)) if (random.chance(0.5)) headers[name.toUpperCase()] = hostileValue(random)
}
