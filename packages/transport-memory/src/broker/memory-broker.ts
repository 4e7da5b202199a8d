import type { Fault, PublishOutcome, Runtime } from '@waybill/core'
import type { BindingArguments, ExchangeKind } from './exchange.js'
import type { QueueArguments } from './rules.js'

export interface MemoryBrokerOptions {
  /** How many messages it holds in all its queues together. Default: 1,000,000. */
  readonly maxMessages?: number
  /** How many bytes of bodies and headers it holds. Default: 268,435,456 (256 MiB). */
  readonly maxBytes?: number
  /** Its time. Default: that of the app that connects first. */
  readonly runtime?: Runtime
}

/**
 * An embedded broker that several apps of one process share: `memory({ broker })`.
 * A test provokes on it what a real one suffers; the apps live through it by themselves.
 */
export interface MemoryBroker {
  /** What is wrong with the options it was made with; an app that uses it reports these at `start`. */
  readonly faults: readonly Fault[]

  /** Every queue and what is in it, by name. A snapshot. */
  queues(): readonly QueueView[]

  /** Declares an exchange that belongs to no app. Throws `BrokerRefused` where one of another kind has that name. */
  exchange(name: string, kind: ExchangeKind): void
  /** Declares a queue that belongs to no app. Throws `BrokerRefused` where one with other arguments has that name. */
  queue(name: string, args?: QueueArguments): void
  /** Throws `BrokerRefused` where the queue or the exchange is missing. */
  bind(queue: string, exchange: string, key: string, args?: BindingArguments): void
  /** Publishes what a system without Waybill would. It is stored when this returns `confirmed`. */
  send(message: ForeignMessage): PublishOutcome

  /** Cuts the connections of one app, or all: unsettled deliveries return, unconfirmed publishes become `unknown`, apps connect again. */
  disconnect(app?: string): void
  /** Cuts every connection and takes no new one. What its queues hold stays. */
  stop(): void
  start(): void
  /** Stops and starts. Exchanges, queues and messages survive; the queues of replies end with their connections. */
  restart(): void
  /** Takes no publishes, as a real broker short of memory: what is sent meanwhile waits unconfirmed. Consumers go on. */
  block(): void
  unblock(): void
  /** Stores the next messages and never confirms them: they are `unknown` when their deadline passes or their connection ends. */
  loseConfirms(count?: number): void
}

/** What a queue holds at this moment. */
export interface QueueView {
  readonly name: string
  /** Ready for a consumer. */
  readonly waiting: number
  /** Not due yet. */
  readonly delayed: number
  /** Delivered, and neither acknowledged nor returned. */
  readonly unsettled: number
  readonly consumers: number
}

/** A message with nothing of Waybill about it, unless its headers say so. */
export interface ForeignMessage {
  /** Default: the default exchange, which leads to the queue that the routing key names. */
  readonly exchange?: string
  readonly routingKey: string
  readonly headers?: Readonly<Record<string, unknown>>
  readonly body: Uint8Array | string
  readonly contentType?: string
  readonly contentEncoding?: string
  readonly replyTo?: string
  readonly priority?: number
  readonly delayMs?: number
  readonly expiresMs?: number
}
