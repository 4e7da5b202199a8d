import { headerBlock } from '@waybill/core'
import { copyHeaders } from './headers.js'
import type { ForeignMessage } from './memory-broker.js'
import type { Message } from './message.js'

/** A stored message of a foreign one, sharing nothing with it. Undefined where its headers cannot be copied. */
export function foreignMessage(foreign: ForeignMessage): Message | undefined {
  const headers = copyHeaders(foreign.headers ?? {}, headerBlock())
  if (headers === undefined) return undefined

  return {
    exchange: foreign.exchange ?? '',
    routingKey: foreign.routingKey,
    headers,
    body: typeof foreign.body === 'string' ? new TextEncoder().encode(foreign.body) : new Uint8Array(foreign.body),
    contentType: foreign.contentType,
    contentEncoding: foreign.contentEncoding,
    replyTo: foreign.replyTo,
    mandatory: true,
    priority: foreign.priority ?? 0,
    delayMs: foreign.delayMs,
    expiresMs: foreign.expiresMs,
  }
}
