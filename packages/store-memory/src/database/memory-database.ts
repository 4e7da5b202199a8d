import { CommitUnknown, type Isolation, StoreUnavailable, WaybillError } from '@waybill/core'
import { Session } from './session.js'
import { Space } from './space.js'

/** Makes a database that several stores can share, as processes share a real one, and that a test can harm. */
export function memoryDatabase(): MemoryDatabase {
  return new MemoryDatabase()
}

/** Lives as long as the process. What is committed stays, whatever becomes of the stores that use it. */
export class MemoryDatabase {
  readonly #spaces = new Map<string, Space>()
  readonly #open = new Set<Session>()
  #isUp = true
  #losing = 0

  /** Transactions that are open, of all stores. */
  get open(): number {
    return this.#open.size
  }

  get isUp(): boolean {
    return this.#isUp
  }

  /** Out of reach: what is open is rolled back, everything rejects with {@link StoreUnavailable}, until `start`. */
  stop(): void {
    this.#isUp = false
    this.disconnect()
  }

  start(): void {
    this.#isUp = true
  }

  /** Breaks every connection: what is open is rolled back. New ones work at once. */
  disconnect(): void {
    for (const session of [...this.#open]) session.end(new StoreUnavailable('STORE_UNAVAILABLE', 'The connection to the memory database was cut; the transaction was rolled back.'))
  }

  /** The next so many commits happen, and their answer is lost on the way. */
  loseCommits(times = 1): void {
    this.#losing += times
  }

  /** What is committed in a table of the user's. */
  rows(table: string, namespace?: string): readonly unknown[] {
    return [...this.space(namespace).table(`user.${table}`)].map(([, value]) => structuredClone(value))
  }

  /** @internal */
  space(namespace: string | undefined): Space {
    const name = namespace ?? ''
    const known = this.#spaces.get(name)
    if (known) return known
    const made = new Space()
    this.#spaces.set(name, made)

    return made
  }

  /** @internal */
  begin(space: Space, isolation: Isolation, onEnd: () => void): Session {
    this.assertUp()
    const session = new Session(space, isolation, () => {
      this.#open.delete(session)
      onEnd()
    })
    this.#open.add(session)

    return session
  }

  /** @internal */
  commit(session: Session): void {
    session.commit()
    if (this.#losing === 0) return
    this.#losing--
    throw new CommitUnknown('COMMIT_UNKNOWN', 'The connection to the memory database was lost before the answer to a commit came. It may have happened.')
  }

  /** @internal */
  assertUp(): void {
    if (!this.#isUp) throw new StoreUnavailable('STORE_UNAVAILABLE', 'The memory database is stopped.')
  }
}

/** The one error for a store that is not open. */
export function notOpen(what: string): WaybillError {
  return new StoreUnavailable('STORE_UNAVAILABLE', `${what} needs an open store, and this one is not: it has not been opened, or it was closed.`)
}
