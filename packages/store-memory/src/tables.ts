import { WaybillError } from '@waybill/core'
import { rowOf } from './database/space.js'
import type { Session } from './database/session.js'

/**
 * What a user keeps in a memory store, within one transaction: the `client` of its `Database`. Values are copied in and out.
 * A row that was written, or read by `lock`, belongs to the transaction until its end: others wait, and those that wait for each other are told by a `StoreConflict`.
 */
export class MemoryTables {
  readonly #session: Session
  readonly #readOnly: boolean

  /** @internal */
  constructor(session: Session, readOnly: boolean) {
    this.#session = session
    this.#readOnly = readOnly
  }

  /** Its own change, else what is committed. */
  async get<T>(table: string, key: string): Promise<T | undefined> {
    return structuredClone(this.#session.read(rowOf(`user.${table}`, key))) as T | undefined
  }

  /** The same, and nobody else changes the row until this transaction ends. */
  async lock<T>(table: string, key: string): Promise<T | undefined> {
    await this.#session.lock(rowOf(`user.${table}`, key))

    return this.get<T>(table, key)
  }

  async set(table: string, key: string, value: unknown): Promise<void> {
    this.#assertWritable(table)
    await this.#session.write(rowOf(`user.${table}`, key), structuredClone(value))
  }

  async delete(table: string, key: string): Promise<void> {
    this.#assertWritable(table)
    await this.#session.write(rowOf(`user.${table}`, key), undefined)
  }

  async all<T>(table: string): Promise<readonly T[]> {
    return [...this.#session.table(`user.${table}`)].map(([, value]) => structuredClone(value) as T)
  }

  #assertWritable(table: string): void {
    if (this.#readOnly) throw new WaybillError('READ_ONLY', `The transaction is read-only, and something was to be written into "${table}". Leave out readOnly.`)
  }
}
