import { WaybillError } from './error.js'
import type { StoredReply } from './inbox-store.js'
import { outboxMessageOf, timerOf } from './outbox-message.js'
import type { Runtime } from './runtime.js'
import type { Held } from './scope.js'
import type { Isolation, StoreTransaction, TransactionSettings } from './store.js'

/** A transaction of the store with what is held for its commit. It ends once. */
export class OpenTransaction {
  /** For errors: `Orders.place`. */
  readonly owner: string
  readonly store: StoreTransaction
  readonly held: Held
  readonly isolation: Isolation | undefined
  readonly readOnly: boolean
  readonly replies: StoredReply[] = []
  readonly #told: (() => void)[] = []
  #uses = 0
  #statement: Promise<unknown> | undefined
  #joined = 0
  #isOver = false

  constructor(owner: string, store: StoreTransaction, held: Held, { isolation, readOnly }: Pick<TransactionSettings, 'isolation' | 'readOnly'>) {
    this.owner = owner
    this.store = store
    this.held = held
    this.isolation = isolation
    this.readOnly = readOnly ?? false
  }

  /** Calls back when it has committed; never where it has not. */
  onCommitted(told: () => void): void {
    this.#told.push(told)
  }

  /** What other tools take to run in it. Throws where it has ended. */
  get client(): unknown {
    this.#assertOpen()

    return this.store.client
  }

  /** Runs something on the store's transaction. Rejects where it has ended, or something else runs on it. */
  use<T>(work: (store: StoreTransaction) => Promise<T>): Promise<T> {
    const before = this.#uses
    const done = this.#use(work)
    if (this.#uses > before) this.#statement = done

    return done
  }

  async #use<T>(work: (store: StoreTransaction) => Promise<T>): Promise<T> {
    this.#assertOpen()
    if (this.#uses > 0)
      throw new WaybillError(
        'PARALLEL_QUERY',
        `${this.owner} used the database while another statement of the same transaction was running. A transaction runs one statement at a time: await each before the next.`,
      )
    this.#uses++
    try {
      return await work(this.store)
    } finally {
      this.#uses--
    }
  }

  /** Writes what is held and commits. Resolves with the shards that got a message. */
  async commit(runtime: Runtime): Promise<readonly string[]> {
    this.#end()
    const forgotten = this.held.overlooked ?? this.#forgotten
    if (forgotten) {
      await this.store.rollback()
      throw forgotten
    }
    const now = runtime.now()
    const due = this.held.outgoing.filter(({ message }) => message.delayMs === undefined)
    const later = this.held.outgoing.filter(({ message }) => message.delayMs !== undefined)
    await this.store.commit({
      outbox: due.map(({ message, transport }) => outboxMessageOf(message, transport, now)),
      timers: later.map(({ message, transport }) => timerOf(message, transport, now)),
      replies: this.replies,
    })
    for (const told of this.#told) told()

    return [...new Set(this.held.outgoing.map(({ transport }) => transport))]
  }

  async rollback(): Promise<void> {
    if (this.#isOver) return
    this.#end()
    await this.store.rollback()
  }

  /** Runs what takes part in it. */
  async joined<T>(work: () => Promise<T>): Promise<T> {
    this.#joined++
    try {
      return await work()
    } finally {
      this.#joined--
    }
  }

  get #forgotten(): WaybillError | undefined {
    const what = this.#uses > 0 ? 'a statement' : this.held.isForgetful ? 'a publish' : this.#joined > 0 ? 'a method' : undefined
    if (what === undefined) return undefined

    return new WaybillError(
      'FORGOTTEN_AWAIT',
      `${this.owner} did not await ${what} of its transaction, so it was rolled back. Await every statement, publish and call before the method returns.`,
    )
  }

  #assertOpen(): void {
    if (!this.#isOver) return
    throw new WaybillError(
      'TRANSACTION_ENDED',
      `${this.owner} used the database after its transaction had ended, so nothing was done. Await everything before the method returns, or use the database outside.`,
    )
  }

  #end(): void {
    this.#isOver = true
    // Nobody awaits it, and the end of the transaction says so to its caller: once more would end the process.
    if (this.#uses > 0) this.#statement?.catch(() => undefined)
    this.held.end()
  }
}
