import { confirmed, type Outgoing, type PublishOutcome, type Settled } from '@waybill/core'
import type { Message } from 'amqplib/callback_api'
import { type ConfirmChannel, frameShape, send, sendFrames } from './driver.js'
import { PublishFrames } from './publish-frames.js'
import type { ConfirmWatch } from './confirm-watch.js'
import { Unconfirmed } from './unconfirmed.js'
import { bytesOf, essentialHeaders, fieldsOf, headersOf, isMandatory, type Route } from './wire.js'

interface InFlight {
  readonly tag: number
  readonly index: number
  readonly settled: Settled
  readonly route: Route
  readonly bytes: number
  /** By what a return finds it; only where it is mandatory. */
  readonly returnKey: string | undefined
  unroutable: string | undefined
}

interface Sending {
  readonly message: Outgoing
  readonly route: Route
  readonly index: number
  readonly settled: Settled
  readonly correlationId: string | undefined
}

export interface PublishWindowOptions {
  readonly changed: () => void
  readonly watch: ConfirmWatch
  /** Something found no queue. */
  readonly unrouted?: (route: Route) => void
}

/** One confirm channel, and what was written on it and is not confirmed. */
export class PublishWindow {
  readonly #channel: ConfirmChannel
  readonly #changed: () => void
  readonly #watch: ConfirmWatch
  readonly #unrouted: (route: Route) => void
  readonly #unconfirmed = new Unconfirmed<InFlight>()
  /** Their tags. A table of this one outlives what was in it, so it holds no message. */
  readonly #returnable = new Map<string, number>()
  readonly #frames: PublishFrames
  #lastTag = 0
  /** Up to here they are with the driver. */
  #lastWritten = 0
  #bytes = 0
  #isFull = false

  constructor(channel: ConfirmChannel, { changed, unrouted = () => undefined, watch }: PublishWindowOptions) {
    this.#channel = channel
    this.#changed = changed
    this.#watch = watch
    this.#unrouted = unrouted
    const shape = frameShape(channel)
    this.#frames = new PublishFrames(shape.channel, shape.frameMax)
    channel.on('return', (message: Message) => this.#returned(message))
    channel.on('ack', ({ deliveryTag, multiple }: Confirm) => this.#confirm(deliveryTag, multiple, undefined))
    channel.on('nack', ({ deliveryTag, multiple }: Confirm) => this.#confirm(deliveryTag, multiple, refused))
    channel.on('drain', () => {
      this.#isFull = false
      changed()
    })
  }

  get size(): number {
    return this.#unconfirmed.size
  }

  /** Of what is not confirmed, the tag of what waits longest. */
  get oldestTag(): number | undefined {
    return this.#unconfirmed.oldestTag
  }

  /** Bytes of bodies that nobody has confirmed. */
  get bytes(): number {
    return this.#bytes
  }

  /** The driver's buffer wants no more for now. */
  get isFull(): boolean {
    return this.#isFull
  }

  /** Takes one message, to be written with the next `flush`; what cannot be written is `rejected` at once, and costs nobody else. */
  add(message: Outgoing, route: Route, index: number, settled: Settled): void {
    // The same id twice in flight is told apart by a property; alone it needs none.
    const isTwin = isMandatory(message) && this.#returnable.has(message.envelope.id)
    const sending: Sending = { message, route, index, settled, correlationId: isTwin ? String(this.#lastTag + 1) : undefined }
    if (this.#frames.add(message, route, sending.correlationId)) return this.#note(sending)
    this.flush()
    this.#send(sending)
  }

  /** Writes what was taken, in one piece. */
  flush(): void {
    const pieces = this.#frames.take()
    if (pieces.length === 0) return
    try {
      if (!sendFrames(this.#channel, pieces)) this.#isFull = true
    } catch (error) {
      const outcome = rejected(error)
      for (let tag = this.#lastWritten + 1; tag <= this.#lastTag; tag++) this.#settle(this.#unconfirmed.take(tag), outcome)
    }
    this.#lastWritten = this.#lastTag
  }

  /** The channel is gone: everything written may have arrived or not. */
  lose(reason: string): void {
    const lost = this.#unconfirmed.takeAll()
    this.#returnable.clear()
    this.#bytes = 0
    const unknown: PublishOutcome = { kind: 'unknown', reason }
    for (const entry of lost) entry.settled(entry.index, unknown)
  }

  #send(sending: Sending): void {
    const { index, message, route, settled } = sending
    try {
      this.#sendAs(sending, headersOf(message, route))
    } catch (error) {
      if (message.to.kind !== 'dead') return settled(index, rejected(error))
      this.#sendEssential(sending)
    }
  }

  // A dead letter that cannot be written would come back for ever, so it is written with less.
  #sendEssential(sending: Sending): void {
    const { index, message, route, settled } = sending
    try {
      this.#sendAs(sending, essentialHeaders(headersOf(message, route)))
    } catch (error) {
      settled(index, rejected(error))
    }
  }

  #sendAs(sending: Sending, headers: Record<string, unknown>): void {
    const { correlationId, message, route } = sending
    if (!send(this.#channel, fieldsOf(message, route, headers, correlationId), bytesOf(message.body))) this.#isFull = true
    this.#note(sending)
    this.#lastWritten = this.#lastTag
  }

  #note({ correlationId, index, message, route, settled }: Sending): void {
    const bytes = message.body.byteLength
    const returnKey = isMandatory(message) ? returnKeyOf(message.envelope.id, correlationId) : undefined
    const tag = ++this.#lastTag
    this.#unconfirmed.add({ tag, index, settled, route, bytes, returnKey, unroutable: undefined })
    if (returnKey !== undefined) this.#returnable.set(returnKey, tag)
    this.#bytes += bytes
    this.#watch.written(this)
  }

  // It arrives before the confirm of the same message.
  #returned({ fields, properties }: Message): void {
    const tag = this.#returnable.get(returnKeyOf(String(properties.messageId), properties.correlationId as string | undefined))
    const entry = tag === undefined ? undefined : this.#unconfirmed.get(tag)
    if (!entry) return
    this.#unrouted(entry.route)
    entry.unroutable = `exchange "${fields.exchange}" has no queue for routing key "${fields.routingKey}"`
  }

  #confirm(tag: number, isMultiple: boolean, outcome: PublishOutcome | undefined): void {
    if (isMultiple) for (const entry of this.#unconfirmed.takeUpTo(tag)) this.#answered(entry, outcome)
    else this.#answered(this.#unconfirmed.take(tag), outcome)
    this.#changed()
  }

  #answered(entry: InFlight | undefined, outcome: PublishOutcome | undefined): void {
    if (!entry) return
    this.#settle(entry, outcome)
    if (outcome) this.#watch.refused(entry.route)
    else this.#watch.confirmed(entry.route)
  }

  #settle(entry: InFlight | undefined, outcome: PublishOutcome | undefined): void {
    if (!entry) return
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
