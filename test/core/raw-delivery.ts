import { readEnvelope, type RawDelivery, type Settlement } from '@waybill/core'
import type { Known } from '../../packages/core/src/decode.js'
import { definitionOf, type MessageClass } from '../../packages/core/src/message.js'

export const prefix = 'cloudEvents_'

/** A message class as a listener takes it. */
export function knownOf(type: unknown): Known {
  const definition = definitionOf(type)
  if (!definition) throw new Error('This is no message class.')

  return { type: type as MessageClass, definition }
}

/** A delivery as an adapter hands it over, written by hand; what it was settled with is kept. */
export function rawDelivery({
  body = '{}',
  headers = {},
  contentType = 'application/json',
  contentEncoding,
}: {
  body?: string | Uint8Array
  headers?: Record<string, unknown>
  contentType?: string | undefined
  contentEncoding?: string
}): RawDelivery & { readonly settled: Settlement[] } {
  const block: Record<string, unknown> = Object.assign(Object.create(null) as Record<string, unknown>, headers)
  const settled: Settlement[] = []

  return {
    envelope: readEnvelope(block, prefix),
    headers: block,
    body: typeof body === 'string' ? Buffer.from(body) : body,
    contentType,
    contentEncoding,
    replyTo: undefined,
    redelivered: false,
    deliveryCount: undefined,
    origin: { address: 'orders.billing' },
    toGroup: false,
    isStale: false,
    settled,
    settle: (settlement) => settled.push(settlement),
  }
}

/** The headers of a message of this name with a proper envelope. */
export function enveloped(type: string, more: Record<string, unknown> = {}): Record<string, unknown> {
  return { [`${prefix}id`]: 'm-1', [`${prefix}specversion`]: '1.0', [`${prefix}type`]: type, [`${prefix}source`]: '/test', [`${prefix}time`]: '2026-01-01T00:00:00.000Z', ...more }
}
