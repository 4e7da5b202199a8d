import type { Begun, Store, StoreCapabilities, StoreHealth, StoreHost, StoreTransaction, TransactionSettings } from '@waybill/core'
import { StoreConflict, WaybillError } from '@waybill/core'
import { Connection } from './connection.js'
import { MemoryInbox } from './inbox.js'
import { type MemoryStoreOptions, resolveOptions } from './options.js'
import { MemoryOutbox } from './outbox.js'
import { MemorySagas } from './saga.js'
import { MemoryTimers } from './timers.js'
import { JoinedTransaction, MemoryTransaction } from './transaction.js'

/**
 * The reference store: transactions with rollback, row locks and all isolation levels, in the memory of this process. For tests and simulation.
 * What the user keeps in it beside messages stands in {@link MemoryTables}, the client of its transactions.
 */
export function memoryStore(options: MemoryStoreOptions = {}): Store {
  return new MemoryStore(options)
}

class MemoryStore implements Store {
  readonly name = 'memory'
  readonly faults: Store['faults']
  readonly query = undefined
  readonly outbox: MemoryOutbox
  readonly inbox: MemoryInbox
  readonly timers: MemoryTimers
  readonly sagas: MemorySagas
  readonly #connection: Connection

  constructor(options: MemoryStoreOptions) {
    const { database, faults } = resolveOptions(options)
    this.faults = faults
    this.#connection = new Connection(database)
    this.outbox = new MemoryOutbox(this.#connection)
    this.inbox = new MemoryInbox(this.#connection)
    this.timers = new MemoryTimers(this.#connection)
    this.sagas = new MemorySagas(this.#connection)
  }

  async open(host: StoreHost): Promise<StoreCapabilities> {
    this.#connection.open(host)

    return { database: 'memory', durable: false, concurrent: true }
  }

  async begin({ isolation = 'read committed', readOnly = false, timeoutMs, inbox = [] }: TransactionSettings): Promise<Begun> {
    const transaction = new MemoryTransaction(this.#connection, this.#connection.begin(isolation, timeoutMs), readOnly)
    try {
      return { transaction, verdicts: await transaction.inbox.insert(inbox) }
    } catch (error) {
      await transaction.rollback()
      throw error
    }
  }

  join(foreign: unknown): StoreTransaction {
    if (foreign instanceof MemoryTransaction) return new JoinedTransaction(foreign)
    throw new WaybillError('FOREIGN_TRANSACTION', 'The memory store takes part in transactions of its own alone: pass what Database.transaction gave.')
  }

  isConflict(error: unknown): boolean {
    return error instanceof StoreConflict
  }

  health(): StoreHealth {
    const { isOpen, database, sessions, waiting } = this.#connection
    const connected = isOpen && database.isUp
    const reason = isOpen ? 'The memory database is stopped.' : 'The store is not open.'

    return { connected, reason: connected ? undefined : reason, open: sessions, waiting }
  }

  async close(): Promise<void> {
    this.outbox.close()
    this.#connection.close()
  }
}
