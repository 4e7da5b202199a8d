import { nameOf } from './found.js'
import type { ProcessEvent } from './diagnostics.js'
import type { Message } from './message.js'
import type { BatchItem, Delivery } from './delivery.js'
import type { PublishOptions } from './publisher.js'
import type { RawDelivery } from './transport.js'

/**
 * Runs around every listener, every publish, or both. Not calling `next` means that the inner part does not happen. It is called once at most, and
 * before the middleware ends: a second call fails the whole with `NEXT_TWICE`, a late one rejects with `NEXT_LATE`, and neither does anything.
 */
export interface Middleware {
  /** What it throws counts as thrown by the listener; what it returns is what the listener returned. */
  listen?(call: ListenCall, next: () => Promise<unknown>): Promise<unknown>
  /** May add headers by passing other options to `next`. */
  publish?(call: PublishCall, next: (options?: PublishOptions) => Promise<void>): Promise<void>
}

export interface ListenCall {
  /** One message, the messages of a batch, or what a raw listener gets. */
  readonly message: unknown
  /** Of a batch: that of its first message. */
  readonly delivery: Delivery
  /** Of a batch: one for each message, in their order. */
  readonly items?: readonly BatchItem[]
  /** Envelope and headers as they came, one for each message, in their order: nothing is certain. */
  readonly heads: readonly Pick<RawDelivery, 'envelope' | 'headers'>[]
  /** For people: `Stock.reserve`. */
  readonly listener: string
  readonly channel: string
  readonly group: string
  /** What those who watch are told of this run: one for each message. Undefined while nobody does. */
  readonly told: readonly ProcessEvent[] | undefined
}

export interface PublishCall {
  readonly messages: readonly Message[]
  readonly options: PublishOptions
}

/** A middleware, and what to call it in an error. */
export interface NamedMiddleware {
  readonly name: string
  readonly middleware: Middleware
}

/** Those of an app, by their place and, where they have one, their name. */
export function nameMiddleware(middleware: readonly Middleware[]): readonly NamedMiddleware[] {
  return middleware.map((one, place) => {
    const given = [one.constructor, one.listen, one.publish].map(nameOf).find((name) => !nameless.has(name))

    return { name: `middleware[${place}]${given === undefined ? '' : ` ("${given}")`}`, middleware: one }
  })
}

const nameless = new Set(['Object', 'listen', 'publish', '(anonymous)'])
