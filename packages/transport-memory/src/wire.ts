import { headerBlock, type Envelope, type Origin, type Outgoing, type RawDelivery, type RawEnvelope, readEnvelope, type Settlement, writeEnvelope } from '@waybill/core'
import type { Channel } from './broker/channel.js'
import { copyHeaders, type HeaderBlock } from './broker/headers.js'
import type { Entry, Message } from './broker/message.js'

/** CloudEvents' AMQP binding, so that what is stored here reads as it would on RabbitMQ. */
export const envelopePrefix = 'cloudEvents_'

/** Where a message goes, in the broker's words. */
export interface Address {
  readonly exchange: string
  readonly routingKey: string
  readonly mandatory: boolean
}

/**
 * The message that the broker stores. Headers are copied; the body is not, because the port gives it away: nobody writes into it again.
 * Undefined where the headers cannot be copied.
 */
export function toMessage(outgoing: Outgoing, address: Address): Message | undefined {
  const headers = toHeaders(outgoing.headers, outgoing.envelope)
  if (headers === undefined) return undefined

  return {
    exchange: address.exchange,
    routingKey: address.routingKey,
    headers,
    body: outgoing.body,
    contentType: outgoing.contentType,
    contentEncoding: outgoing.contentEncoding,
    replyTo: outgoing.replyTo,
    mandatory: address.mandatory,
    priority: outgoing.priority ?? 0,
    delayMs: outgoing.delayMs,
    expiresMs: outgoing.expiresMs,
  }
}

function toHeaders(own: Outgoing['headers'], envelope: Envelope): HeaderBlock | undefined {
  const headers = copyHeaders(own, headerBlock())
  if (headers !== undefined) writeEnvelope(envelope, envelopePrefix, headers)

  return headers
}

/** What is told when a delivery is settled on a channel that is gone. */
export type OnLate = () => void

/** One entry as core gets it. It keeps its channel: settled after a reconnect it does nothing. Without a channel it is only looked at. */
export class MemoryDelivery implements RawDelivery {
  readonly envelope: RawEnvelope
  readonly headers: Readonly<Record<string, unknown>>
  /** Bytes of its own, as from a socket: a listener that writes into them harms neither another group nor a redelivery. */
  readonly body: Uint8Array
  readonly contentType: string | undefined
  readonly contentEncoding: string | undefined
  readonly replyTo: string | undefined
  readonly redelivered: boolean
  readonly deliveryCount: number
  readonly #entry: Entry
  readonly #channel: Channel | undefined
  readonly #onLate: OnLate
  #isSettled = false

  constructor(entry: Entry, deliveredBefore: number, channel: Channel | undefined, onLate: OnLate) {
    const { message } = entry
    this.envelope = readEnvelope(message.headers, envelopePrefix)
    this.headers = message.headers
    this.body = Buffer.from(message.body)
    this.contentType = message.contentType
    this.contentEncoding = message.contentEncoding
    this.replyTo = message.replyTo
    this.redelivered = deliveredBefore > 0
    this.deliveryCount = deliveredBefore
    this.#entry = entry
    this.#channel = channel
    this.#onLate = onLate
  }

  get origin(): Origin {
    const { home, message, storedAt } = this.#entry

    return { address: home.name, exchange: message.exchange, routingKey: message.routingKey, storedAt }
  }

  /** By the default exchange: a channel's own messages come over its exchange, also to a queue of that name. */
  get toGroup(): boolean {
    return this.#entry.message.exchange === ''
  }

  get isStale(): boolean {
    return this.#channel?.isClosed ?? false
  }

  settle(settlement: Settlement): void {
    if (this.#isSettled || this.#channel === undefined) return
    this.#isSettled = true
    if (this.#channel.isClosed) return this.#onLate()
    if (settlement === 'ack') this.#channel.ack(this.#entry)
    else this.#channel.giveBack(this.#entry)
  }
}
