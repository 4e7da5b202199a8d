import type { Fault } from './fault.js'
import type { InboxEntry, InboxStore, InboxVerdict, StoredReply, TransactionInbox } from './inbox-store.js'
import type { Logger } from './logger.js'
import type { OutboxMessage, OutboxStore } from './outbox-store.js'
import type { Runtime } from './runtime.js'
import type { SagaStore, TransactionSagas } from './saga-store.js'
import type { Timer, TimerStore, TransactionTimers } from './timer-store.js'

/**
 * One database, as core sees it. A store is naive on purpose: it opens transactions and keeps rows. What is held, which transaction a call joins,
 * when something runs again, the relay and the firing of timers live once, above it. Nothing above it knows the database's language.
 *
 * One store serves one app, once: `open`, then everything else, until `close`. A lost connection is the store's to restore; meanwhile what is asked
 * of it rejects with {@link StoreUnavailable}, and nothing that happens to a connection reaches the process as an unhandled error.
 * Chance, ids and timers come from `host.runtime`. The moment at which a lease ends or a timer is due is told by the database's clock alone; without a
 * database, as in the memory store, that is the runtime's.
 */
export interface Store {
  /** The product: `postgres`, `memory`. Stands in errors, logs and metrics. */
  readonly name: string

  /** What is wrong with the options it was made with. A store's factory never throws; `start` reports these with all other faults. */
  readonly faults: readonly Fault[]

  /**
   * Resolves when the database can be used and its tables are there, made or brought up to date where they were not. Keeps trying while the database
   * is away; rejects where trying again cannot help (a wrong password, a missing right, tables newer than this code, a restored copy that has to
   * be rebased), and when `close` is called meanwhile.
   */
  open(host: StoreHost): Promise<StoreCapabilities>

  /**
   * Opens a transaction and, in the same round trip, writes the inbox rows that were given: what a message does is done once because this comes first.
   * An entry that another open transaction has written waits for that one's end. Rejects with {@link StoreUnavailable} where no connection is to be had.
   */
  begin(settings: TransactionSettings): Promise<Begun>

  /**
   * Takes part in a transaction that somebody else opened and ends: `commit` of what is returned writes what it is given and leaves the end to its owner,
   * `rollback` does nothing. `foreign` is whatever the store's own documentation names; it throws a clear error for anything else.
   */
  join(foreign: unknown): StoreTransaction

  /** Whether an error, of the store's own or as the user's tools threw it, means that another transaction was in the way, so that the same work may run again. */
  isConflict(error: unknown): boolean

  /** Runs a statement of the user's outside a transaction. Undefined where the store has no language of its own. */
  readonly query: StoreQuery | undefined

  readonly outbox: OutboxStore
  readonly inbox: InboxStore
  readonly timers: TimerStore
  readonly sagas: SagaStore

  health(): StoreHealth

  /** Ends everything within the deadline: open transactions are rolled back. Idempotent; also ends an `open` that is under way, which then rejects. */
  close(deadlineMs: number): Promise<void>
}

/** What core hands to a store. */
export interface StoreHost {
  /** The app's name, for connection names. */
  readonly app: string
  /** Of this run of the app, unique. */
  readonly instance: string
  /** Prefixes what several systems would otherwise share. */
  readonly namespace: string | undefined
  readonly runtime: Runtime
  readonly log: Logger
}

/** What this database, at this version, can do. */
export interface StoreCapabilities {
  /** For people: `PostgreSQL 15.4`. */
  readonly database: string
  /** What an app keeps there is still there after its process was killed. */
  readonly durable: boolean
  /** Several transactions may be open at a time; otherwise each waits for the one before. */
  readonly concurrent: boolean
}

export interface StoreHealth {
  readonly connected: boolean
  /** Why not. No secrets. */
  readonly reason: string | undefined
  /** Transactions that are open, and callers that wait for one. */
  readonly open: number
  readonly waiting: number
}

export type Isolation = 'read committed' | 'repeatable read' | 'serializable'

export interface TransactionSettings {
  /** Whose it is, for errors: `Orders.place`. */
  readonly owner?: string | undefined
  /** Undefined: the store's default. */
  readonly isolation?: Isolation | undefined
  readonly readOnly?: boolean | undefined
  /** For the database's own safety: core ends a transaction at its time, also when this process hangs. */
  readonly timeoutMs?: number | undefined
  /** Written first. Their verdicts come in the same order. */
  readonly inbox?: readonly InboxEntry[] | undefined
}

export interface Begun {
  readonly transaction: StoreTransaction
  /** One for each entry of `inbox`. */
  readonly verdicts: readonly InboxVerdict[]
}

/**
 * An open transaction. It ends once, by `commit` or `rollback`; core calls nothing of it afterwards, and nothing of it twice at a time.
 * What the user runs by `query` or `client` may come at any moment: two at a time is the store's to refuse, naming what to await.
 */
export interface StoreTransaction {
  /** What the user's own tools are given: for a relational store its client. */
  readonly client: unknown
  /** Runs a statement of the user's. Undefined where the store has no language of its own. */
  readonly query: StoreQuery | undefined
  readonly inbox: TransactionInbox
  readonly timers: TransactionTimers
  readonly sagas: TransactionSagas

  /**
   * Writes all of `last` and commits, in one round trip: the outbox rows are the last that is written, because the sequence numbers they draw are to be
   * in the order in which transactions with one key end. Rejects with {@link StoreConflict} where the whole may be run again, with
   * {@link CommitUnknown} where the connection was lost before the answer, and with the database's error otherwise; nothing is committed then but maybe after `CommitUnknown`.
   */
  commit(last: Flush): Promise<void>

  /** Never rejects: a connection that cannot roll back is dropped, which rolls back. */
  rollback(): Promise<void>
}

/** What a transaction writes at its end. */
export interface Flush {
  readonly outbox: readonly OutboxMessage[]
  /** Delayed messages. */
  readonly timers: readonly Timer[]
  /** Replies to the queries of this transaction's inbox entries. */
  readonly replies: readonly StoredReply[]
}

/** A statement in the store's own language, with its values; resolves with the rows. */
export type StoreQuery = (statement: string, values?: readonly unknown[]) => Promise<readonly Readonly<Record<string, unknown>>[]>
