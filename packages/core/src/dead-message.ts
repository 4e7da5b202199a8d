import { numberOf, textUpTo } from './dead-letter.js'
import type { Origin, RawDelivery } from './transport.js'
import { header } from './wire.js'

/** A dead letter as people look at it. What a stranger or the broker left out is undefined. */
export interface DeadMessage {
  readonly id: string | undefined
  readonly name: string | undefined
  readonly key: string | undefined
  /** Stable: `SCHEMA`, `UNKNOWN_TYPE`, `FAILED`, `PARKED`, `KILLED_THE_PROCESS` … */
  readonly reason: string | undefined
  /** The sentence that says why. */
  readonly message: string | undefined
  readonly error: string | undefined
  readonly stack: string | undefined
  readonly listener: string | undefined
  readonly attempts: number | undefined
  readonly time: string | undefined
  /** Where it came from. */
  readonly origin: Origin | undefined
  /** The id that it had before it was edited. */
  readonly originId: string | undefined
  readonly headers: Readonly<Record<string, unknown>>
  readonly body: Uint8Array
}

/** Which of them. What is left out does not matter. */
export interface DeadLetterFilter {
  readonly ids?: readonly string[]
  /** Of one cause: `FAILED`. */
  readonly reason?: string
  /** Of one message: `order.placed`. */
  readonly name?: string
  readonly key?: string
}

export function matches({ envelope, headers }: RawDelivery, { ids, reason, name, key }: DeadLetterFilter): boolean {
  if (ids && !(typeof envelope.id === 'string' && ids.includes(envelope.id))) return false
  if (reason !== undefined && headers[header.deadReason] !== reason) return false

  return (name === undefined || envelope.type === name) && (key === undefined || envelope.subject === key)
}

export function deadMessageOf({ envelope, headers, body, origin }: RawDelivery): DeadMessage {
  const attempts = numberOf(headers[header.deadAttempts])

  return {
    id: textUpTo(envelope.id, 255),
    name: textUpTo(envelope.type, 255),
    key: textUpTo(envelope.subject, 255),
    reason: textUpTo(headers[header.deadReason], 255),
    message: textUpTo(headers[header.deadMessage], 2_000),
    error: textUpTo(headers[header.deadError], 2_000),
    stack: textUpTo(headers[header.deadStack], 4_000),
    listener: textUpTo(headers[header.deadListener], 1_000),
    attempts: Number.isFinite(attempts) ? attempts : undefined,
    time: textUpTo(headers[header.deadTime], 64),
    origin: originOf(headers[header.deadOrigin]) ?? origin,
    originId: textUpTo(headers[header.originId], 255),
    headers,
    body,
  }
}

function originOf(text: unknown): Origin | undefined {
  try {
    return typeof text === 'string' ? (JSON.parse(text) as Origin) : undefined
  } catch {
    // A letter that the broker made itself has none of our headers, and a stranger may write anything.
    return undefined
  }
}
