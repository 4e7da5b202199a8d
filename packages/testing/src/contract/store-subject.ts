import type { Store, StoreTransaction } from '@waybill/core'

/** What the author of a store gives to the contract. */
export interface StoreSubject {
  /** Stands in failures: `postgres`. */
  readonly name: string
  /** A fresh store, not open, on the same database each time. Cases keep apart by their namespaces. */
  create(): Store
  /** Writes a row of a user's, as user code in that transaction would. The table of that namespace is there, or made by this. */
  put(transaction: StoreTransaction, key: string, value: string): Promise<void>
  /** What is committed of it. */
  get(store: Store, key: string): Promise<string | undefined>
  /** What `join` takes for a transaction that somebody else has open. */
  foreign(transaction: StoreTransaction): unknown
  /** Prepares the user's table of a namespace. Leave it out where `put` makes it. */
  prepare?(store: Store): Promise<void>
  /** Removes everything of a namespace. Leave it out where the database is thrown away. */
  remove?(namespace: string): Promise<void>
  /** Breaks every connection of the stores it created, without a goodbye. New ones work at once. */
  cut?(): Promise<void>
  /** The longest that one step may take. Default: 10 s. */
  readonly patienceMs?: number
}
