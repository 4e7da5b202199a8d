import { type Isolation, type OutboxMessage, type StoreHost, WaybillError } from '@waybill/core'
import { type MemoryDatabase, notOpen } from './database/memory-database.js'
import type { Session } from './database/session.js'
import type { Space } from './database/space.js'

/** One store's way to the database: what it opened ends with it. */
export class Connection {
  readonly database: MemoryDatabase
  readonly #sessions = new Set<Session>()
  #host: StoreHost | undefined
  #space: Space | undefined
  #isClosed = false

  constructor(database: MemoryDatabase) {
    this.database = database
  }

  open(host: StoreHost): void {
    if (this.#isClosed || this.#host) throw new WaybillError('STORE_USED', 'A memory store serves one app, once: make another with memoryStore() on the same database.')
    this.#host = host
    this.#space = this.database.space(host.namespace)
  }

  get host(): StoreHost {
    if (!this.#host || this.#isClosed) throw notOpen('The memory store')

    return this.#host
  }

  /** What its namespace holds; throws where the database is away. */
  get space(): Space {
    if (!this.#space || this.#isClosed) throw notOpen('The memory store')
    this.database.assertUp()

    return this.#space
  }

  get now(): number {
    return this.host.runtime.now()
  }

  get isOpen(): boolean {
    return this.#host !== undefined && !this.#isClosed
  }

  get sessions(): number {
    return this.#sessions.size
  }

  get waiting(): number {
    return this.#space?.locks.waiting ?? 0
  }

  begin(isolation: Isolation, timeoutMs: number | undefined): Session {
    const { space, host } = this
    const session = this.database.begin(space, isolation, () => {
      cancel?.()
      this.#sessions.delete(session)
    })
    const late = (): void => session.end(new WaybillError('TRANSACTION_TIMEOUT', `The transaction was open for ${timeoutMs} ms and was rolled back.`))
    const cancel = timeoutMs === undefined ? undefined : host.runtime.after(timeoutMs, late)
    this.#sessions.add(session)

    return session
  }

  /** Rows that are committed, in the order of their commits. */
  append(messages: readonly OutboxMessage[]): void {
    const { space, now } = this
    for (const message of messages) space.shard(message.shard).add({ ...message, seq: space.nextSequence(), storedAt: now })
  }

  close(): void {
    this.#isClosed = true
    for (const session of [...this.#sessions]) session.end(notOpen('A transaction'))
  }
}
