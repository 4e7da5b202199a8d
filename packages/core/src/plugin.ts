import type { Envelope, Headers } from './envelope.js'
import type { Fault } from './fault.js'
import type { Health } from './health.js'
import type { Logger } from './logger.js'
import type { Middleware } from './middleware.js'
import type { OpenTransaction } from './open-transaction.js'
import type { OutboxMessage } from './outbox-store.js'
import type { Plan } from './plan.js'
import type { PublishOptions } from './publisher.js'
import type { Runtime } from './runtime.js'
import type { Store, StoreTransaction } from './store.js'
import type { Timer } from './timer-store.js'
import type { TraceSource } from './trace.js'
import type { ResolvedTransaction } from './transactions.js'
import type { Depth, GroupAddress, PublishOutcome } from './transport.js'

/** Something that lives and dies with the app: metrics, an outbox. */
export interface Plugin {
  readonly name: string
  /** A transport is no plugin: give it as `transport`. */
  readonly onWritable?: never
  /** What is wrong with its options; `start` reports these with all other faults. */
  readonly faults?: readonly Fault[]
  /** What is wrong with the app that it is in; `start` reports these with all other faults. */
  check?(plan: Plan, hasStore: boolean): readonly Fault[]
  /** Where the app keeps what it commits: with it listeners are transactional, and what is published in a transaction leaves by it. At most one plugin brings one. */
  readonly store?: Store
  /** What it gives to services: instances by the class that a constructor names. */
  readonly provides?: ReadonlyMap<abstract new (...args: never[]) => object, object>
  /** Around every listener and publish, outside of the app's own. */
  readonly middleware?: Middleware
  /** Says which trace each message belongs to that the app makes. Of several plugins the first that has it. */
  readonly trace?: TraceSource
  /** Called first of all, before any broker is reached: for what must answer while one is away. What it throws fails `start`. */
  open?(app: PluginHost): Promise<void> | void
  /** Called when transports and store are there and everything is declared, before the first message moves. What it throws fails `start`. */
  start?(app: PluginHost): Promise<void> | void
  /**
   * Called after the last listener has finished, in the opposite order; transports and store still work. Also where `start` failed, and without an
   * `open` before.
   */
  stop?(): Promise<void> | void
}

export interface PluginHost {
  readonly app: string
  readonly namespace: string | undefined
  /** Of this run of the app, unique. */
  readonly instance: string
  readonly plan: Plan
  readonly runtime: Runtime
  readonly log: Logger
  readonly transports: readonly PluginTransport[]
  /** The name of the one that a channel lives on. */
  transportOf(channel: string): string
  /** The instance of a service; from `start` on. */
  get<T>(type: abstract new (...args: never[]) => T): T
  /** As `app.publish`: held where the caller runs in a transaction or a listener. */
  publish(messages: readonly object[], options?: PublishOptions, marks?: PluginMarks): Promise<void>
  /** As `app.health()`, at any time. */
  health(): Health
  /** Asks the brokers how much waits for each group of the app. Rejects never: what cannot be told is left out, with a line in the log. */
  depths(): Promise<readonly GroupDepth[]>
  /** Undefined where no plugin brings a store. */
  readonly transactions: PluginTransactions | undefined
}

/** What only a plugin says of a message. */
export interface PluginMarks {
  /** Of Waybill's own, `waybill-…`. */
  readonly headers?: Headers
  /** What it belongs to where no message causes it, or one that does not say: a timer's. */
  readonly origin?: Partial<Pick<Envelope, 'correlationId' | 'traceparent'>>
}

/** A transport, for what sends by itself what was stored before. */
export interface PluginTransport {
  /** The shard of what leaves by it. */
  readonly name: string
  /** The product: `rabbitmq`, `kafka`, `memory`. */
  readonly system: string
  /** False: what is sent now waits until its deadline. */
  readonly writable: boolean
  /** Throws where the row is no message. `settled` is called once, at the latest by the publish deadline. */
  send(message: OutboxMessage, settled: (outcome: PublishOutcome) => void): void
}

/** Acts when a timer is due, within the transaction that removes it. */
export type TimerHandler = (timer: Timer, transaction: OpenTransaction) => Promise<void>

/** The transactions of an app. */
export interface PluginTransactions {
  readonly store: Store
  /** The one that the caller runs in. */
  current(): OpenTransaction | undefined
  /** Runs something on the transaction of the caller. Throws outside one. */
  use<T>(work: (transaction: StoreTransaction) => Promise<T>): Promise<T>
  /** As `@Transactional` does. `owner` is for people: `Orders.place`. */
  run<T>(owner: string, settings: Partial<ResolvedTransaction>, work: () => Promise<T>): Promise<T>
  /** Takes part in a transaction that somebody else opened and ends. */
  within<T>(owner: string, foreign: unknown, work: () => Promise<T>): Promise<T>
  /** From now on this acts for each timer of that target: in the transaction that takes it out of the store, with ids that follow from the timer's. */
  onTimer(target: string, fired: TimerHandler): void
  /** Those that act for a target. */
  readonly timerHandlers: ReadonlyMap<string, TimerHandler>
  /** Fires the earliest timer that is due and has a handler. Undefined: none is due. Rejects with what its handler threw; the timer is still there then. */
  fireNext(): Promise<Timer | undefined>
  /** From now on what is published in a transaction for that transport is refused with this; undefined: not any more. */
  refuse(transport: string, why: (() => Error) | undefined): void
  /** Calls back after each commit that left messages, with the shards they wait in. The returned function ends it. */
  onCommitted(heard: (shards: readonly string[]) => void): () => void
}

export type GroupDepth = GroupAddress & Depth & { readonly transport: string }
