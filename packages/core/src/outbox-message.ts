import type { Envelope, RawEnvelope } from './envelope.js'
import { isRecord } from './found.js'
import { WaybillError } from './error.js'
import type { OutboxMessage } from './outbox-store.js'
import type { Timer } from './timer-store.js'
import type { Destination, Outgoing } from './transport.js'

/** Who fires timers that are delayed messages. */
export const publishTarget = 'publish'

/** A message as a store keeps it. Its shard is the transport that it leaves by. */
export function outboxMessageOf(outgoing: Outgoing, shard: string, now: number): OutboxMessage {
  const { to, envelope, headers, body, contentType, contentEncoding, mandatory, expiresMs, priority, replyTo } = outgoing

  return {
    id: envelope.id,
    shard,
    key: envelope.subject,
    destination: to.kind === 'channel' ? to.channel : to.kind,
    head: JSON.stringify({ to, envelope, headers, contentType, contentEncoding, mandatory, priority, replyTo }),
    body,
    expiresAt: expiresMs === undefined ? undefined : now + expiresMs,
  }
}

/** The message of a row. Throws where somebody has changed it by hand into something else. */
export function outgoingOf({ id, head, body, expiresAt }: OutboxMessage, now: number): Outgoing {
  const read = parsed(head)
  if (!isHead(read))
    throw new WaybillError(
      'UNREADABLE_ROW',
      `The head of the stored message "${id}" is no head of a message: it was changed by hand, or written by a newer version. Edit or discard it.`,
    )
  const { to, envelope, headers, contentType, contentEncoding, mandatory, priority, replyTo } = read

  return {
    to,
    envelope: wholeOf(envelope),
    headers,
    body,
    contentType,
    contentEncoding,
    mandatory,
    delayMs: undefined,
    expiresMs: expiresAt === undefined ? undefined : Math.max(0, expiresAt - now),
    priority,
    replyTo,
  }
}

/** A message that leaves when its time has come. */
export function timerOf(outgoing: Outgoing, shard: string, now: number): Timer {
  const dueAt = now + (outgoing.delayMs ?? 0)
  const message = outboxMessageOf(outgoing, shard, dueAt)

  return { id: message.id, dueAt, target: publishTarget, subject: message.destination, payload: packed(message) }
}

/** Throws where the timer holds no message. */
export function messageOfTimer({ id, payload }: Timer): OutboxMessage {
  return unpacked(id, payload)
}

/** As bytes: for what a store keeps beside a row. */
export function packed({ body, ...message }: OutboxMessage): Uint8Array {
  return Buffer.from(JSON.stringify({ ...message, body: Buffer.from(body).toString('base64') }))
}

export function unpacked(id: string, bytes: Uint8Array): OutboxMessage {
  const read = parsed(Buffer.from(bytes).toString())
  if (!isPacked(read)) throw new WaybillError('UNREADABLE_ROW', `What the store keeps under "${id}" is no message: it was changed by hand, or written by a newer version.`)

  const { id: own, key, shard, destination, head, expiresAt } = read

  return { id: own, key, shard, destination, head, expiresAt, body: Buffer.from(read.body, 'base64') }
}

/** What is nearly one would fail where it is written, and all that is written with it. */
function isPacked(read: unknown): read is Omit<OutboxMessage, 'body'> & { readonly body: string } {
  if (!isRecord(read)) return false
  const { id, key, shard, destination, head, expiresAt, body } = read

  return [id, shard, destination, head, body].every((one) => typeof one === 'string') && isOptional(key, 'string') && isOptional(expiresAt, 'number')
}

/** What is nearly a head would break the batch that it leaves with, or the process. */
function isHead(read: unknown): read is Omit<Outgoing, 'body' | 'delayMs' | 'expiresMs'> {
  if (!isRecord(read) || !isRecord(read.to) || !isRecord(read.envelope) || !isRecord(read.headers)) return false
  const { to, envelope, headers, contentType, contentEncoding, mandatory, priority, replyTo } = read
  for (const name in headers) if (!isScalar(headers[name])) return false

  return (
    placesOf[String(to['kind'])]?.every((name) => typeof to[name] === 'string') === true &&
    typeof mandatory === 'boolean' &&
    isOptional(contentType, 'string') &&
    isOptional(contentEncoding, 'string') &&
    isOptional(priority, 'number') &&
    isOptional(replyTo, 'string') &&
    isEnvelope(envelope)
  )
}

function isEnvelope({ id, type, source, time, subject, dataVersion, correlationId, causationId, traceparent, tracestate, baggage }: RawEnvelope): boolean {
  return (
    typeof id === 'string' &&
    typeof type === 'string' &&
    typeof source === 'string' &&
    typeof time === 'string' &&
    typeof dataVersion === 'number' &&
    isOptional(subject, 'string') &&
    isOptional(correlationId, 'string') &&
    isOptional(causationId, 'string') &&
    isOptional(traceparent, 'string') &&
    isOptional(tracestate, 'string') &&
    isOptional(baggage, 'string')
  )
}

/** The names that a place of each kind has. */
const placesOf: Readonly<Record<string, readonly string[]>> = Object.assign(Object.create(null), {
  channel: ['channel'],
  group: ['channel', 'group'],
  dead: ['channel', 'group'],
  reply: ['address'],
} satisfies Record<Destination['kind'], readonly string[]>)

function isOptional(value: unknown, type: 'string' | 'number'): boolean {
  return value === undefined || typeof value === type
}

function isScalar(value: unknown): boolean {
  return typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean'
}

// JSON leaves out what is undefined. Named one by one, for copying an object whose shape varies takes five times as long.
function wholeOf({ id, type, source, time, subject, dataVersion, correlationId, causationId, traceparent, tracestate, baggage }: Envelope): Envelope {
  return { id, type, source, time, subject, dataVersion, correlationId, causationId, traceparent, tracestate, baggage }
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
