import { InvalidMessage } from './error.js'
import { nameOf } from './found.js'
import type { Envelope } from './envelope.js'
import { fittingHeaders, type Limits } from './limits.js'
import type { Job } from './job.js'
import type { Outgoing, RawDelivery } from './transport.js'
import { mostCauses, readable } from './thrown.js'
import { header } from './wire.js'

export interface Death {
  readonly channel: string
  readonly group: string
  readonly listener: string | undefined
  /** Stable: why. */
  readonly code: string
  readonly message: string
  readonly error: unknown
  readonly attempts: number
  readonly time: string
  /** A new UUIDv7, for a message with a key that has not died before. */
  readonly firstDeath: string
}

export interface Mark {
  readonly text: string
  /** Several letters may have it: those of one id that the broker buried. */
  readonly isShared: boolean
}

/** What tells one dead letter from another. */
export type Letter = Pick<RawDelivery, 'headers'> & { readonly envelope: { readonly id?: unknown } }

/** Its first death where it has one, which stays with it when it dies again; two letters may have one id. Of what the broker buried, the id. */
export function markOf({ envelope, headers }: Letter): Mark {
  const death = textUpTo(headers[header.firstDeath], 64)

  return death === undefined ? { text: `id ${textUpTo(envelope.id, 255) ?? ''}`, isShared: true } : { text: `death ${death}`, isShared: false }
}

/** The message as it came, bytes untouched, with where it came from and why it is dead. */
export function deadLetterOf(raw: RawDelivery, id: Job['id'], death: Death, limits: Limits): Outgoing {
  const headers = fittingHeaders(raw.headers, limits)
  headers[header.deadReason] = death.code
  headers[header.deadMessage] = death.message.slice(0, 2_000)
  headers[header.deadGroup] = death.group
  headers[header.deadChannel] = death.channel
  headers[header.deadAttempts] = death.attempts
  headers[header.deadTime] = death.time
  headers[header.deadOrigin] = JSON.stringify(raw.origin)
  if (raw.envelope.subject !== undefined && !(raw.toGroup && typeof headers[header.firstDeath] === 'string')) headers[header.firstDeath] = death.firstDeath
  if (death.listener !== undefined) headers[header.deadListener] = death.listener
  if (death.error !== undefined) headers[header.deadError] = describeError(death.error).slice(0, 2_000)
  if (death.error instanceof Error) headers[header.deadStack] = (death.error.stack ?? '').slice(0, 4_000)

  return {
    to: { kind: 'dead', channel: death.channel, group: death.group },
    envelope: envelopeFrom(raw, id, death.time),
    headers,
    body: raw.body,
    contentType: textUpTo(raw.contentType, 255),
    contentEncoding: textUpTo(raw.contentEncoding, 255),
    mandatory: true,
    delayMs: undefined,
    expiresMs: undefined,
    priority: undefined,
    replyTo: undefined,
  }
}

/** What was thrown, as a sentence: its message, or itself where it is no Error. */
export function messageOf(error: unknown): string {
  if (error instanceof Error) return error.message

  return `It threw ${typeof error === 'string' ? JSON.stringify(error.slice(0, 500)) : error === null ? 'null' : typeof error}, which is no Error.`
}

/** The same for a log: a schema may quote the value that it refuses, and no payload is logged. */
export function loggedOf(error: unknown): string {
  const read = readable(error)

  return read instanceof InvalidMessage ? read.summary : messageOf(read)
}

/** Class, code, message and causes: `DbError [ECONN]: outer, caused by Error: inner`. */
export function describeError(thrown: unknown, textOf = messageOf, depth = 0): string {
  const error = readable(thrown)
  if (!(error instanceof Error)) return textOf(error)
  const { code } = error as { code?: unknown }
  const name = error.name === 'Error' ? nameOf(error.constructor) : error.name
  const cause = error.cause === undefined || depth === mostCauses ? '' : `, caused by ${describeError(error.cause, textOf, depth + 1)}`

  return `${name}${typeof code === 'string' ? ` [${code}]` : ''}: ${textOf(error)}${cause}`
}

/** What can be said of a message whose envelope nobody has checked. */
export function envelopeFrom({ envelope }: RawDelivery, id: string, time: string): Envelope {
  const version = numberOf(envelope.dataVersion ?? 1)

  return {
    id,
    type: textUpTo(envelope.type, 255) ?? 'unknown',
    source: textUpTo(envelope.source, 1_000) ?? 'unknown',
    time: textUpTo(envelope.time, 64) ?? time,
    subject: textUpTo(envelope.subject, 255),
    dataVersion: Number.isSafeInteger(version) && version > 0 ? version : 1,
    correlationId: textUpTo(envelope.correlationId, 255),
    causationId: textUpTo(envelope.causationId, 255),
    traceparent: traceparentOf(envelope.traceparent),
    tracestate: textUpTo(envelope.tracestate, 512),
    baggage: textUpTo(envelope.baggage, 8_192),
  }
}

/** A trace context that is one by W3C's grammar; a malformed one is dropped, as W3C asks. */
export function traceparentOf(value: unknown): string | undefined {
  return typeof value === 'string' && /^[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$/.test(value) ? value : undefined
}

export function textUpTo(value: unknown, most: number): string | undefined {
  return typeof value === 'string' && value.length > 0 && value.length <= most ? value : undefined
}

/** What a text or a number says; NaN for all else, of which a hostile table could not even be converted. */
export function numberOf(value: unknown): number {
  return typeof value === 'number' || typeof value === 'string' ? Number(value) : Number.NaN
}
