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
  duplicate: channel('waybill:duplicate'),
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

/** `waybill:skip`: a type that nobody of the group takes passed by on a log. */
export interface SkipEvent {
  readonly app: string
  readonly channel: string
  readonly group: string
  readonly messageName: string
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
