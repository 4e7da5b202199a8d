import { type Fault, optionsIn, unknownOptions } from '@waybill/core'
import { MemoryDatabase } from './database/memory-database.js'

export interface MemoryStoreOptions {
  /** A database that several stores share, made by `memoryDatabase()`. Default: one of its own. */
  readonly database?: MemoryDatabase
}

export interface ResolvedOptions {
  readonly database: MemoryDatabase
  readonly faults: readonly Fault[]
}

/** Every default filled in, every fault found. */
export function resolveOptions(given: MemoryStoreOptions): ResolvedOptions {
  const faults = unknownOptions('memoryStore()', given, ['database'])
  const { database }: MemoryStoreOptions = optionsIn(given)
  if (database === undefined || database instanceof MemoryDatabase) return Object.freeze({ database: database ?? new MemoryDatabase(), faults })
  const fault = {
    code: 'MEMORY_DATABASE',
    message: `memoryStore() has the option "database": expected what memoryDatabase() returns, found ${typeof database}. Write memoryStore({ database: memoryDatabase() }).`,
  }

  return Object.freeze({ database: new MemoryDatabase(), faults: [...faults, fault] })
}
