import { channel, tracingChannel } from 'node:diagnostics_channel'
import type { Envelope, RawEnvelope } from './envelope.js'
import type { ShardStatus } from './outbox-store.js'
import type { ConnectionState, PublishOutcome } from './transport.js'

/**
 * What happens in an app, for whoever listens on `node:diagnostics_channel`. Costs a look when nobody does.
 * The two tracing channels surround work (`start`, then `asyncEnd` once); the plain ones tell facts.
 */
export const diagnostics = {
  // The same type twice: the two parameters changed places between @types/node 24 and 26.
  publish: tracingChannel<PublishEvent, PublishEvent>('waybill:publish'),
  process: tracingChannel<ProcessEvent, ProcessEvent>('waybill:process'),
  settle: channel('waybill:settle'),
  retry: channel('waybill:retry'),
  deadLetter: channel('waybill:dead-letter'),
  skip: channel('waybill:skip'),
  duplicate: channel('waybill:duplicate'),
  connection: channel('waybill:connection'),
} as const

export interface PublishEvent {
  readonly app: string
  readonly transport: string
  readonly channel: string
  readonly envelope: Envelope
  readonly bytes: number
  /** When it began, by the app's `runtime.elapsed()`. */
  readonly since: number
  outcome?: PublishOutcome
}

export interface ProcessEvent {
  readonly app: string
  /** What the app calls it. */
  readonly transport: string
  readonly channel: string
  readonly group: string
  readonly listener: string
  readonly messageName: string
  readonly id: string
  readonly attempt: number
  readonly headers: Readonly<Record<string, unknown>>
  /** As it came: nothing is certain. */
  readonly envelope: RawEnvelope
  readonly redelivered: boolean
  readonly bytes: number
  /** When the run began, by the app's `runtime.elapsed()`. */
  readonly since: number
  /** How many messages the run takes, where it takes several. */
  readonly batch: number | undefined
  error?: unknown
}

/** `waybill:settle`: the broker is told that it is done with: its listener was, it is a dead letter, or the broker keeps its next try. */
export interface SettleEvent {
  readonly app: string
  readonly transport: string
  readonly channel: string
  readonly group: string
  readonly listener: string
  readonly id: string
  readonly envelope: RawEnvelope
}

/** `waybill:retry`: it is tried again. */
export interface RetryEvent {
  readonly app: string
  readonly transport: string
  readonly channel: string
  readonly group: string
  readonly listener: string
  readonly messageName: string
  readonly id: string
  /** Which try comes next. */
  readonly attempt: number
  readonly envelope: RawEnvelope
  readonly afterMs: number
  /** Who keeps it meanwhile. */
  readonly keptBy: 'process' | 'broker'
  readonly error: unknown
}

/** `waybill:dead-letter`: it is safe there now. */
export interface DeadLetterEvent {
  readonly app: string
  readonly transport: string
  readonly channel: string
  readonly group: string
  readonly listener: string | undefined
  readonly id: string
  readonly envelope: RawEnvelope
  readonly reason: string
}

/** `waybill:skip`: a message that is acknowledged and done by nobody. */
export interface SkipEvent {
  readonly app: string
  readonly transport: string
  readonly channel: string
  readonly group: string
  readonly messageName: string
  /** A type that nobody of the group takes passed by on a log; or a query came when its caller no longer waited. */
  readonly reason: 'UNKNOWN_TYPE' | 'EXPIRED'
}

/** `waybill:connection`: a connection says how it is, at each change and each try. */
export interface ConnectionEvent extends ConnectionState {
  readonly app: string
  readonly transport: string
}

/** `waybill:duplicate`: an inbox has it already, so it does not reach its listener. */
export interface DuplicateEvent {
  readonly app: string
  readonly channel: string
  readonly group: string
  readonly listener: string
  readonly id: string
  /** `stale`: a later one of its key was processed before. */
  readonly kind: 'duplicate' | 'stale'
}

/** `waybill:outbox`: how a shard of the outbox is, now and then. */
export interface OutboxEvent extends ShardStatus {
  readonly app: string
}

/** `waybill:relay`: a page of the outbox was dealt with. */
export interface RelayEvent {
  readonly app: string
  readonly shard: string
  readonly sent: number
  readonly parked: number
  /** Met an outage, and are tried again. */
  readonly left: number
  readonly tookMs: number
  /** From the commit to the confirm, of the oldest. */
  readonly oldestMs: number
}

/** `waybill:saga`: what became of a saga, told when that is committed. `compensating`: it turned back. */
export interface SagaEvent {
  readonly app: string
  readonly saga: string
  readonly what: 'started' | 'compensating' | 'stuck' | 'completed' | 'compensated'
}

/** `waybill:sagas`: how the sagas of a name are in their store, now and then. */
export interface SagasEvent {
  readonly app: string
  readonly saga: string
  /** How many are not over, by their status. */
  readonly open: Readonly<Record<string, number>>
  /** Timers whose moment has passed; at most 1,000 are counted. */
  readonly timersDue: number
}
