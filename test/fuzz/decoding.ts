import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { Event, ownHeaders, type RawDelivery } from '@waybill/core'
import { expect } from 'vitest'
import { z } from 'zod'
import { jsonCodec } from '../../packages/core/src/codec.js'
import { contextsOf } from '../../packages/core/src/context.js'
import { deadLetterOf } from '../../packages/core/src/dead-letter.js'
import { decode, type Decoded, inspect } from '../../packages/core/src/decode.js'
import { defaultLimits as limits } from '../../packages/core/src/limits.js'
import { knownOf } from '../core/raw-delivery.js'
import { secret } from './mutated-body.js'
import { mutatedDelivery } from './mutated-delivery.js'

class OrderPlaced extends Event('order.placed', {
  version: 2,
  payload: z.object({ orderId: z.string(), total: z.number(), note: z.string().optional(), lines: z.array(z.object({ sku: z.string(), count: z.number() })) }),
  upcast: { 1: (payload: { orderId: string }) => ({ ...payload, orderId: payload.orderId.slice(0, 100) }) },
}) {}

const known = knownOf(OrderPlaced)
const rules = { codec: jsonCodec, limits }
const slowestMs = 5_000

/** How many deliveries ended in a message, and how many in each refusal. */
export type Tally = Map<string, number>

/** Decodes so many mutated deliveries; fails on a crash, a hang, an answer that is none, a payload in a reason, a growing heap. */
export function decodeMany(seed: number, count: number): Tally {
  const tally: Tally = new Map()
  for (let n = 0; n < 2_000; n++) decodeOne(seed, n)
  const before = heapUsed()

  for (let n = 0; n < count; n++) {
    const outcome = decodeOne(seed, n)
    tally.set(outcome, (tally.get(outcome) ?? 0) + 1)
  }

  expect(heapUsed() - before, 'bytes by which the heap grew').toBeLessThan(16 * 1024 * 1024)
  expect(({} as { polluted?: unknown }).polluted).toBeUndefined()

  return tally
}

/** The whole way of one delivery from outside to its message, or to its dead letter. */
function decodeOne(seed: number, n: number): string {
  const raw = mutatedDelivery(seed, n)
  const begun = performance.now()
  try {
    const outcome = judge(raw)
    ownHeaders(raw.headers, 'cloudEvents_')
    contextsOf(raw.headers, () => undefined)
    bury(raw)
    if (performance.now() - begun > slowestMs) throw new Error(`It took ${performance.now() - begun} ms.`)

    return outcome
  } catch (cause) {
    throw new Error(`Delivery ${n} of seed ${seed}: ${cause instanceof Error ? cause.message : String(cause)}`, { cause })
  }
}

function judge(raw: RawDelivery): string {
  const decoded: Decoded = decode(raw, known, rules)
  if (decoded.message) {
    if (!(decoded.message instanceof OrderPlaced)) throw new Error('The answer is neither a message nor a refusal.')

    return 'message'
  }
  const { code, reason } = decoded.refusal
  if (typeof reason !== 'string' || reason.length < 10 || reason.length > 2_000) throw new Error(`The reason of ${code} is no sentence of up to 2,000 characters.`)
  if (reason.includes(secret)) throw new Error(`The reason of ${code} shows what is in the body: ${reason}`)
  const outside = inspect(raw, limits)
  if (outside && outside.reason !== reason) throw new Error(`Two looks at one delivery differ: ${outside.reason} and ${reason}`)

  return code
}

/** Whatever came can be kept: bytes as they were, headers within bounds. */
function bury(raw: RawDelivery): void {
  const letter = deadLetterOf(
    raw,
    'm-1',
    {
      channel: 'orders',
      group: 'billing',
      listener: 'Billing.on',
      code: 'SCHEMA',
      message: 'why',
      error: undefined,
      attempts: 1,
      time: '2026-01-01T00:00:00.000Z',
      firstDeath: 'u-1',
    },
    limits,
  )
  if (letter.body !== raw.body) throw new Error('The dead letter has other bytes.')
  if (Object.keys(letter.headers).length > limits.headers + 16) throw new Error('The dead letter has too many headers.')
}

/** After a full collection. */
function heapUsed(): number {
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as () => void
  collect()

  return process.memoryUsage().heapUsed
}
