import { type Isolation, StoreConflict } from '@waybill/core'
import type { Space } from './space.js'

/** The rows that one transaction sees and changes. It ends once; what is asked of it afterwards throws why it ended. */
export class Session {
  readonly #space: Space
  readonly #isolation: Isolation
  readonly #begun: number
  readonly #written = new Map<string, unknown>()
  readonly #read = new Set<string>()
  readonly #also: (() => void)[] = []
  readonly #onEnd: () => void
  #ended: Error | undefined

  constructor(space: Space, isolation: Isolation, onEnd: () => void) {
    this.#space = space
    this.#isolation = isolation
    this.#begun = space.commits
    this.#onEnd = onEnd
  }

  get ended(): Error | undefined {
    return this.#ended
  }

  /** Its own, else what is committed. */
  read(row: string): unknown {
    this.assertOpen()
    if (this.#written.has(row)) return this.#written.get(row)
    if (this.#isolation !== 'read committed') {
      this.#assertUnchanged(row)
      this.#read.add(row)
    }

    return this.#space.row(row)?.value
  }

  /** Every row of a table, in the order in which they were first written. */
  *table(name: string): Generator<readonly [row: string, value: unknown]> {
    const seen = new Set<string>()
    for (const [row] of this.#space.table(name)) {
      seen.add(row)
      const value = this.read(row)
      if (value !== undefined) yield [row, value]
    }
    for (const [row, value] of this.#written) if (row.startsWith(`${name}/`) && !seen.has(row) && value !== undefined) yield [row, value]
  }

  /** Waits until nobody else holds it. */
  async lock(row: string): Promise<void> {
    this.assertOpen()
    const waiting = this.#space.locks.take(row, this)
    if (waiting) await waiting
    this.assertOpen()
    if (this.#isolation !== 'read committed') this.#assertUnchanged(row)
  }

  /** False: another one holds it. */
  tryLock(row: string): boolean {
    this.assertOpen()

    return this.#space.locks.tryTake(row, this)
  }

  /** Undefined removes it. */
  async write(row: string, value: unknown): Promise<void> {
    await this.lock(row)
    this.#written.set(row, value)
  }

  /** Everything at once: nobody sees a half. */
  commit(): void {
    this.assertOpen()
    if (this.#isolation === 'serializable') for (const row of this.#read) this.#assertUnchanged(row)
    this.#space.apply(this.#written)
    for (const work of this.#also) work()
    this.end(new Error('The transaction has been committed.'))
  }

  /** Happens with the commit. */
  also(work: () => void): void {
    this.assertOpen()
    this.#also.push(work)
  }

  /** Drops what it wrote. */
  end(reason: Error): void {
    if (this.#ended) return
    this.#ended = reason
    this.#space.locks.release(this, reason)
    this.#onEnd()
  }

  assertOpen(): void {
    if (this.#ended) throw this.#ended
  }

  #assertUnchanged(row: string): void {
    if ((this.#space.row(row)?.commit ?? 0) > this.#begun)
      throw new StoreConflict('SERIALIZATION', `Another transaction has changed "${row}" since this one began. It can run again.`)
  }
}
