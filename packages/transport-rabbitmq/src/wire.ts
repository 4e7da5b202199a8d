import { contentTypeJson, headerBlock, type Origin, type Outgoing, type RawDelivery, type RawEnvelope, readEnvelope, type Settlement, trace, writeEnvelope } from '@waybill/core'
import type { Message } from 'amqplib/callback_api'
import { endsAt, isDescended } from './descent.js'
import type { PublishFields } from './driver.js'
import { type Wrapping, wrappingOf } from './wrapping.js'

/** CloudEvents over AMQP 0-9-1. */
export const envelopePrefix = 'cloudEvents_'

/** What RabbitMQ puts in place of the address of a consumer of replies. */
export const replyToMe = 'amq.rabbitmq.reply-to'

/** A name that the driver assigns to a plain object, where it is no name. */
const swallowed = '__proto__'

/** Routes copies by further keys. RabbitMQ takes it off, so nobody receives it. */
export const copiesHeader = 'BCC'

/** Spring AMQP and its kin say the type here. */
const foreignType = '__TypeId__'

/** Headers that are not a sender's to set as he likes. */
const reserved: ReadonlySet<string> = new Set(['CC', copiesHeader, swallowed, trace.parent, trace.state, trace.baggage])

/** Where one message goes, in the broker's words. */
export interface Route {
  readonly exchange: string
  readonly routingKey: string
  /** Further routing keys; RabbitMQ takes them off before it delivers. */
  readonly copies: readonly string[] | undefined
}

/** One message as the driver wants it. */
export function fieldsOf(message: Outgoing, route: Route, headers: Record<string, unknown>, correlationId: string | undefined): PublishFields {
  const { envelope } = message

  return {
    exchange: route.exchange,
    routingKey: route.routingKey,
    mandatory: isMandatory(message),
    immediate: false,
    ticket: 0,
    headers,
    deliveryMode: 2,
    contentType: message.contentType,
    contentEncoding: message.contentEncoding,
    priority: message.priority,
    correlationId,
    replyTo: message.replyTo,
    expiration: expirationOf(message),
    messageId: envelope.id,
    timestamp: secondsOf(envelope.time),
    type: envelope.type,
  }
}

// Before 4.2 RabbitMQ delivers a mandatory reply and returns it too.
export function isMandatory({ mandatory, to }: Outgoing): boolean {
  return mandatory && to.kind !== 'reply'
}

export function expirationOf({ expiresMs }: Outgoing): string | undefined {
  return expiresMs === undefined ? undefined : String(Math.max(0, Math.round(expiresMs)))
}

let latest: { readonly time: string; readonly seconds: number | undefined } = { time: '', seconds: undefined }

/** Seconds since the epoch. Messages of one turn share their time, so it is read once. */
export function secondsOf(time: string): number | undefined {
  if (latest.time !== time) {
    const seconds = Math.floor(Date.parse(time) / 1_000)
    latest = { time, seconds: seconds >= 0 && seconds <= 0xffff_ffff ? seconds : undefined }
  }

  return latest.seconds
}

/** Whether a header is the user's or Waybill's alone: neither a part of the envelope, nor one that is refused. */
export function isOwnName(name: string): boolean {
  return !reserved.has(name) && !name.startsWith(envelopePrefix)
}

/**
 * The header block. Throws for a header by which RabbitMQ would route copies; a message that is moved has done that already.
 * Throws for `__proto__`, which the driver on the other side swallows.
 */
export function headersOf(message: Outgoing, { copies }: Route): Record<string, unknown> {
  const headers = headerBlock()
  if (copies) headers[copiesHeader] = copies
  const { kind } = message.to
  const isMoved = kind === 'group' || kind === 'dead'
  for (const name of Object.keys(message.headers)) {
    if (name === 'CC' || name === copiesHeader) {
      if (!isMoved) throw new TypeError(`the header "${name}" is RabbitMQ's own: it would route copies. Choose another name`)
    } else if (name === swallowed && !isMoved) {
      throw new TypeError('the header "__proto__" would be lost on the way. Choose another name')
    } else if (kind !== 'group' || !name.startsWith('x-')) {
      headers[name] = message.headers[name]
    }
  }
  writeEnvelope(message.envelope, envelopePrefix, headers)

  return headers
}

/** What is left of a dead letter's headers where the broker cannot take all: short scalars, so that the message itself is kept. */
export function essentialHeaders(headers: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const essential = headerBlock()
  for (const name of Object.keys(headers)) {
    const value = headers[name]
    const isShort = typeof value === 'string' ? value.length <= longestEssential : typeof value === 'number' || typeof value === 'boolean'
    if (isShort && Buffer.byteLength(name) <= 255) essential[name] = value
  }

  return essential
}

const longestEssential = 512

export function bytesOf(body: Uint8Array): Buffer {
  return Buffer.isBuffer(body) ? body : Buffer.from(body.buffer, body.byteOffset, body.byteLength)
}

/** Takes what became of a delivery; it belongs to the channel that the delivery came on. */
export interface Settler {
  /** The channel is gone. */
  readonly isStale: boolean
  settle(tag: number, settlement: Settlement): void
}

/** One message as it came. */
export class RabbitDelivery implements RawDelivery {
  readonly envelope: RawEnvelope
  readonly headers: Readonly<Record<string, unknown>>
  readonly body: Uint8Array
  readonly unwrap: RawDelivery['unwrap']
  readonly contentType: string | undefined
  readonly contentEncoding: string | undefined
  readonly replyTo: string | undefined
  readonly redelivered: boolean
  readonly deliveryCount: number | undefined
  readonly origin: Origin
  readonly toGroup: boolean
  readonly tag: number
  readonly #settler: Settler
  #isSettled = false

  constructor(message: Message, queue: string, settler: Settler, headers: Readonly<Record<string, unknown>>) {
    const { fields, properties } = message
    this.headers = isDescended(fields.exchange, fields.routingKey) ? withoutRungs(headers) : headers
    const own = readEnvelope(this.headers, envelopePrefix)
    const wrapping = properties.contentType === contentTypeJson ? undefined : wrappingOf(properties.contentType, message.content, own.type ?? properties.type)
    this.envelope = envelopeOf(own, { headers: this.headers, properties, wrapping })
    this.body = message.content
    this.unwrap = wrapping?.unwrap
    this.contentType = properties.contentType
    this.contentEncoding = properties.contentEncoding
    this.replyTo = properties.replyTo
    this.redelivered = fields.redelivered
    this.deliveryCount = countOf(this.headers, fields.redelivered)
    this.origin = { address: queue, exchange: fields.exchange, routingKey: fields.routingKey }
    this.toGroup = fields.exchange === '' || (isDescended(fields.exchange, fields.routingKey) && endsAt(fields.routingKey, queue))
    this.tag = fields.deliveryTag
    this.#settler = settler
  }

  get isStale(): boolean {
    return this.#settler.isStale
  }

  get settler(): Settler {
    return this.#settler
  }

  settle(settlement: Settlement): void {
    if (this.#isSettled) return
    this.#isSettled = true
    this.#settler.settle(this.tag, settlement)
  }
}

/** The broker writes down each rung of the delay ladder, for nobody to read. */
function withoutRungs({
  'x-death': _deaths,
  'x-first-death-exchange': _exchange,
  'x-first-death-queue': _queue,
  'x-first-death-reason': _reason,
  ...rest
}: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object.assign(headerBlock(), rest)
}

/** A copy to which no name is special. The driver assigns names to a plain object, where `__proto__` swaps its prototype instead. */
export function receivedHeaders(found: object | undefined): Record<string, unknown> {
  const headers = headerBlock()
  if (!found) return headers
  for (const name in found) if (Object.hasOwn(found, name)) headers[name] = (found as Record<string, unknown>)[name]
  const prototype: unknown = Object.getPrototypeOf(found)
  if (prototype !== Object.prototype) headers[swallowed] = prototype

  return headers
}

interface Foreign {
  readonly headers: Readonly<Record<string, unknown>>
  readonly properties: Message['properties']
  readonly wrapping: Wrapping | undefined
}

/** What its own headers do not say, the sender may say in other places. */
function envelopeOf(own: RawEnvelope, { headers, properties, wrapping }: Foreign): RawEnvelope {
  if (own.id !== undefined && own.type !== undefined) return own
  const { correlationId, id, time, type } = wrapping?.envelope ?? own

  return {
    ...own,
    id: own.id ?? properties.messageId ?? id,
    type: own.type ?? properties.type ?? type ?? headers[foreignType],
    time: own.time ?? time,
    correlationId: own.correlationId ?? correlationId,
  }
}

// At the first delivery the broker writes no count, so what stands there is the sender's.
function countOf(headers: Readonly<Record<string, unknown>>, redelivered: boolean): number | undefined {
  if (!redelivered) return 0
  const count = headers['x-delivery-count']

  return typeof count === 'number' ? count : undefined
}
