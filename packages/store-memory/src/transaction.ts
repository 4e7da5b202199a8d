import { type Flush, type StoreTransaction, type TransactionSagas, type TransactionTimers, WaybillError } from '@waybill/core'
import type { Connection } from './connection.js'
import type { Session } from './database/session.js'
import { SessionInbox } from './inbox.js'
import { SessionSagas } from './saga.js'
import { MemoryTables } from './tables.js'
import { SessionTimers } from './timers.js'

export class MemoryTransaction implements StoreTransaction {
  readonly client: MemoryTables
  readonly query = undefined
  readonly inbox: SessionInbox
  readonly timers: TransactionTimers
  readonly sagas: TransactionSagas
  readonly #connection: Connection
  readonly #session: Session
  readonly #readOnly: boolean

  constructor(connection: Connection, session: Session, readOnly: boolean) {
    this.#connection = connection
    this.#session = session
    this.#readOnly = readOnly
    this.client = new MemoryTables(session, readOnly)
    this.inbox = new SessionInbox(session, connection)
    const timers = new SessionTimers(session, connection)
    this.timers = timers
    this.sagas = new SessionSagas(session, timers)
  }

  async commit(last: Flush): Promise<void> {
    try {
      await this.write(last)
      this.hold(last.outbox)
      this.#connection.database.commit(this.#session)
    } catch (error) {
      this.#session.end(error instanceof Error ? error : new Error(String(error)))
      throw error
    }
  }

  async rollback(): Promise<void> {
    this.#session.end(new WaybillError('TRANSACTION_ENDED', 'The transaction was rolled back.'))
  }

  /** Everything of a flush but the rows of the outbox. */
  async write({ outbox, timers, replies }: Flush): Promise<void> {
    this.#session.assertOpen()
    if (this.#readOnly && outbox.length + timers.length > 0)
      throw new WaybillError('READ_ONLY', 'The transaction is read-only, and something was published in it. Publish with { held: false }, or leave out readOnly.')
    await this.timers.arm(timers)
    for (const reply of replies) await this.inbox.keep(reply)
  }

  /** Leaves with the commit of its owner. */
  hold(messages: Flush['outbox']): void {
    this.#session.also(() => this.#connection.append(messages))
  }
}

/** Somebody else's transaction: what it commits is written, and leaves with its owner's commit. */
export class JoinedTransaction implements StoreTransaction {
  readonly query = undefined
  readonly #owner: MemoryTransaction

  constructor(owner: MemoryTransaction) {
    this.#owner = owner
  }

  get client(): MemoryTables {
    return this.#owner.client
  }

  get inbox(): SessionInbox {
    return this.#owner.inbox
  }

  get timers(): TransactionTimers {
    return this.#owner.timers
  }

  get sagas(): TransactionSagas {
    return this.#owner.sagas
  }

  async commit(last: Flush): Promise<void> {
    await this.#owner.write(last)
    this.#owner.hold(last.outbox)
  }

  async rollback(): Promise<void> {
    // Its owner ends it.
  }
}
