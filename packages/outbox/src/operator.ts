import { type Duration, type ParkedFilter, type ParkedMessage, type Plugin, type ShardStatus, WaybillError } from '@waybill/core'
import type { TimerView } from './scheduled.js'

/** A message that could not be sent, as people look at it. */
export interface ParkedView {
  readonly id: string
  readonly key: string | undefined
  readonly destination: string
  /** The transport. */
  readonly shard: string
  /** Stable: `UNROUTABLE`, `REJECTED`, `UNREADABLE_ROW`; `BEHIND` for one that only follows an earlier one of its key. */
  readonly code: string
  readonly reason: string
  readonly storedAt: Date
  readonly parkedAt: Date
  /** It is about to be tried again. */
  readonly isRetried: boolean
  readonly headers: Readonly<Record<string, unknown>>
  readonly body: Uint8Array
}

/** What is put in place of what a parked message has. */
export interface ParkedEdit {
  /** The user's own headers. */
  readonly headers?: Readonly<Record<string, string | number | boolean>>
  readonly body?: Uint8Array
}

/** The plugin of an app's store, and what an operator does with it. Its verbs work while the app runs. */
export interface Outbox extends Plugin {
  /**
   * Publishes inside the work leave with a transaction that another tool opened and ends: `tx` is what the store says that it can take part in, for SQL anything
   * with `query(sql, values)`. They are written when the work has ended; the tool commits afterwards.
   */
  within<T>(tx: unknown, work: () => Promise<T>): Promise<T>
  /** How each transport's part is: what waits, who sends it. */
  status(): Promise<readonly ShardStatus[]>
  /** What could not be sent, in order. Default limit: 100. */
  parked(filter?: ParkedFilter, limit?: number): Promise<readonly ParkedView[]>
  /** Tries them again, in order, before later ones of their keys. Resolves with how many. */
  retry(filter?: ParkedFilter): Promise<number>
  /** Changes a parked message; retry it afterwards. False: it is not parked. */
  edit(id: string, edit: ParkedEdit): Promise<boolean>
  /** Removes parked messages for good, and writes into the log which and why. Later ones of their keys go on. Resolves with how many. */
  discard(filter: ParkedFilter, reason: string): Promise<number>
  /** Stops sending by one transport, or by all, in every process, until `resume`. What is published waits. */
  pause(transport?: string): Promise<void>
  resume(transport?: string): Promise<void>
  /** Begins anew in a database that was restored from a copy: what is still there is sent, maybe once more. */
  rebase(): Promise<void>
  /** What is to happen later: delayed messages and the timers of sagas, the earliest first. */
  timers(filter?: { readonly target?: string; readonly subject?: string }, limit?: number): Promise<readonly TimerView[]>
  /** False: it has fired, or never was. */
  moveTimer(id: string, by: Duration): Promise<boolean>
  cancelTimer(id: string): Promise<boolean>
}

export function viewOf({ id, key, destination, shard, code, reason, storedAt, parkedAt, isRetried, head, body }: ParkedMessage): ParkedView {
  return { id, key, destination, shard, code, reason, storedAt: new Date(storedAt), parkedAt: new Date(parkedAt), isRetried, headers: headersOf(head), body }
}

/** The head with other headers. Throws where it is none. */
export function headWith(id: string, head: string, headers: NonNullable<ParkedEdit['headers']>): string {
  try {
    const read: unknown = JSON.parse(head)

    return JSON.stringify({ ...(typeof read === 'object' ? read : {}), headers })
  } catch (cause) {
    throw new WaybillError('UNREADABLE_ROW', `The head of the parked message "${id}" is no JSON, so its headers cannot be replaced. Discard it, and publish the message again.`, {
      cause,
    })
  }
}

function headersOf(head: string): Readonly<Record<string, unknown>> {
  try {
    const read = JSON.parse(head) as { readonly headers?: unknown }

    return typeof read.headers === 'object' && read.headers !== null ? (read.headers as Readonly<Record<string, unknown>>) : {}
  } catch {
    // It is listed because nobody can read it.
    return {}
  }
}
