import { confirmed, type Outgoing, type PublishOutcome, type Settled } from '@waybill/core'
import type { Message } from 'amqplib/callback_api'
import { type ConfirmChannel, send } from './driver.js'
import { bytesOf, essentialHeaders, fieldsOf, headersOf, type Route } from './wire.js'

interface InFlight {
  readonly index: number
  readonly settled: Settled
  readonly bytes: number
  /** By what a return finds it; only where it is mandatory. */
  readonly returnKey: string | undefined
  unroutable: string | undefined
}

/** One confirm channel, and what was written on it and is not confirmed. */
export class PublishWindow {
  readonly #channel: ConfirmChannel
  readonly #changed: () => void
  readonly #inFlight = new Map<number, InFlight>()
  readonly #returnable = new Map<string, InFlight>()
  #lastTag = 0
  #bytes = 0
  #isFull = false

  constructor(channel: ConfirmChannel, changed: () => void) {
    this.#channel = channel
    this.#changed = changed
    channel.on('return', (message: Message) => this.#returned(message))
    channel.on('ack', ({ deliveryTag, multiple }: Confirm) => this.#confirm(deliveryTag, multiple, undefined))
    channel.on('nack', ({ deliveryTag, multiple }: Confirm) => this.#confirm(deliveryTag, multiple, refused))
    channel.on('drain', () => {
      this.#isFull = false
      changed()
    })
  }

  get size(): number {
    return this.#inFlight.size
  }

  /** Bytes of bodies that nobody has confirmed. */
  get bytes(): number {
    return this.#bytes
  }

  /** The driver's buffer wants no more for now. */
  get isFull(): boolean {
    return this.#isFull
  }

  /** Writes one message; what cannot be written is `rejected` at once, and costs nobody else. */
  write(message: Outgoing, route: Route, index: number, settled: Settled): void {
    try {
      this.#write(message, route, index, settled, headersOf(message, route))
    } catch (error) {
      if (message.to.kind !== 'dead') return settled(index, rejected(error))
      this.#writeEssential(message, route, index, settled)
    }
  }

  /** The channel is gone: everything written may have arrived or not. */
  lose(reason: string): void {
    const lost = [...this.#inFlight.values()]
    this.#inFlight.clear()
    this.#returnable.clear()
    this.#bytes = 0
    const unknown: PublishOutcome = { kind: 'unknown', reason }
    for (const entry of lost) entry.settled(entry.index, unknown)
  }

  // A dead letter that cannot be written would come back for ever, so it is written with less.
  #writeEssential(message: Outgoing, route: Route, index: number, settled: Settled): void {
    try {
      this.#write(message, route, index, settled, essentialHeaders(headersOf(message, route)))
    } catch (error) {
      settled(index, rejected(error))
    }
  }

  #write(message: Outgoing, route: Route, index: number, settled: Settled, headers: Record<string, unknown>): void {
    const fields = fieldsOf(message, route, headers)
    const tag = this.#lastTag + 1
    let returnKey: string | undefined
    if (fields.mandatory) {
      // The same id twice in flight is told apart by a property; alone it needs none.
      if (this.#returnable.has(fields.messageId)) fields.correlationId = String(tag)
      returnKey = returnKeyOf(fields.messageId, fields.correlationId)
    }
    const hasRoom = send(this.#channel, fields, bytesOf(message.body))
    const entry: InFlight = { index, settled, bytes: message.body.byteLength, returnKey, unroutable: undefined }
    this.#lastTag = tag
    this.#inFlight.set(tag, entry)
    if (returnKey !== undefined) this.#returnable.set(returnKey, entry)
    this.#bytes += entry.bytes
    if (!hasRoom) this.#isFull = true
  }

  // It arrives before the confirm of the same message.
  #returned({ fields, properties }: Message): void {
    const entry = this.#returnable.get(returnKeyOf(String(properties.messageId), properties.correlationId as string | undefined))
    if (entry) entry.unroutable = `exchange "${fields.exchange}" has no queue for routing key "${fields.routingKey}"`
  }

  #confirm(tag: number, isMultiple: boolean, outcome: PublishOutcome | undefined): void {
    if (isMultiple) {
      // A map keeps the order of insertion, which is that of the tags.
      for (const each of this.#inFlight.keys()) {
        if (each > tag) break
        this.#settle(each, outcome)
      }
    } else this.#settle(tag, outcome)
    this.#changed()
  }

  #settle(tag: number, outcome: PublishOutcome | undefined): void {
    const entry = this.#inFlight.get(tag)
    if (!entry) return
    this.#inFlight.delete(tag)
    if (entry.returnKey !== undefined) this.#returnable.delete(entry.returnKey)
    this.#bytes -= entry.bytes
    if (outcome) return entry.settled(entry.index, outcome)
    entry.settled(entry.index, entry.unroutable === undefined ? confirmed : { kind: 'unroutable', reason: entry.unroutable })
  }
}

interface Confirm {
  readonly deliveryTag: number
  readonly multiple: boolean
}

const refused: PublishOutcome = Object.freeze({ kind: 'rejected', reason: 'the broker refused it (a queue is full, or its leader is gone)' })

function rejected(error: unknown): PublishOutcome {
  return { kind: 'rejected', reason: error instanceof Error ? error.message : String(error) }
}

function returnKeyOf(id: string, correlationId: string | undefined): string {
  return correlationId === undefined ? id : `${id} ${correlationId}`
}
