import { channel, tracingChannel } from 'node:diagnostics_channel'
import type { Envelope } from './envelope.js'
import type { PublishOutcome } from './transport.js'

/**
 * What happens in an app, for whoever listens on `node:diagnostics_channel`. Costs a look when nobody does.
 * The two tracing channels surround work (`start`, then `asyncEnd` once); the plain ones tell facts.
 */
export const diagnostics = {
  publish: tracingChannel<unknown, PublishEvent>('waybill:publish'),
  process: tracingChannel<unknown, ProcessEvent>('waybill:process'),
  retry: channel('waybill:retry'),
  deadLetter: channel('waybill:dead-letter'),
  skip: channel('waybill:skip'),
  connection: channel('waybill:connection'),
} as const

export interface PublishEvent {
  readonly app: string
  readonly transport: string
  readonly channel: string
  readonly envelope: Envelope
  readonly bytes: number
  outcome?: PublishOutcome
}

export interface ProcessEvent {
  readonly app: string
  readonly channel: string
  readonly group: string
  readonly listener: string
  readonly messageName: string
  readonly id: string
  readonly attempt: number
  readonly headers: Readonly<Record<string, unknown>>
  error?: unknown
}

/** `waybill:retry`. */
export interface RetryEvent extends ProcessEvent {
  readonly afterMs: number
}

/** `waybill:dead-letter`: it is safe there now. */
export interface DeadLetterEvent {
  readonly app: string
  readonly channel: string
  readonly group: string
  readonly listener: string | undefined
  readonly id: string
  readonly reason: string
}

/** `waybill:skip`: a message that is acknowledged and done by nobody. */
export interface SkipEvent {
  readonly app: string
  readonly channel: string
  readonly group: string
  readonly messageName: string
  /** A type that nobody of the group takes passed by on a log; or a query came when its caller no longer waited. */
  readonly reason: 'UNKNOWN_TYPE' | 'EXPIRED'
}
