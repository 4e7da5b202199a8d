import {
  type Begun,
  type Fault,
  type Runtime,
  type Store,
  type StoreCapabilities,
  type StoreHealth,
  type StoreHost,
  type StoreQuery,
  type StoreTransaction,
  systemRuntime,
  type TransactionSettings,
} from '@waybill/core'
import { Announcer } from './announcer.js'
import { Connection } from './connection.js'
import { explain, meansAgain } from './database-error.js'
import { Inbox } from './inbox.js'
import { JoinedTransaction } from './joined-transaction.js'
import { checkTables, migrate } from './migrations.js'
import { type PostgresOptions, type ResolvedOptions, resolveOptions } from './options.js'
import { Outbox } from './outbox.js'
import { OutboxWriter } from './outbox-writer.js'
import { Partitions } from './partitions.js'
import { Sagas, SagaStatements } from './saga.js'
import { Schema, statementsOf } from './statement.js'
import { TimerStatements, Timers } from './timers.js'
import { beginOf, Transaction, type Writers } from './transaction.js'
import { isWithin, leftOpen } from './transaction-command.js'

/** PostgreSQL 13 or later through `pg`, or PGlite in this process: `postgres({ url })`, `postgres({ pool })`, `postgres({ embedded: './data' })`. */
export function postgres(options: PostgresOptions): Store {
  return new PostgresStore(options)
}

class PostgresStore implements Store {
  readonly name = 'postgres'
  readonly faults: readonly Fault[]
  readonly outbox: Outbox
  readonly inbox: Inbox
  readonly timers: Timers
  readonly sagas: Sagas
  readonly #options: ResolvedOptions
  readonly #schema: Schema
  #runtime: Runtime = systemRuntime
  readonly #connection: Connection
  readonly #partitions: Partitions
  readonly #announcer: Announcer
  readonly #writers: Writers

  constructor(given: unknown) {
    const { options, faults } = resolveOptions(given)
    const schema = new Schema(options.schema)
    this.#schema = schema
    const prepare = statementsOf(schema, options.prepare)
    this.faults = faults
    this.#options = options
    this.#connection = new Connection(options)
    this.#announcer = new Announcer(this.#connection, schema, prepare)
    this.#partitions = new Partitions(this.#connection, schema, prepare)
    const parts = { connection: this.#connection, prepare, partitions: this.#partitions }
    const writer = new OutboxWriter(schema, prepare)
    this.inbox = new Inbox(parts)
    this.outbox = new Outbox({ ...parts, writer, announcer: this.#announcer })
    this.#writers = { outbox: writer, inbox: this.inbox, timers: new TimerStatements(prepare), sagas: new SagaStatements(prepare), partitions: this.#partitions }
    this.timers = new Timers(this.#connection, this.#writers.timers)
    this.sagas = new Sagas(this.#connection, this.#writers.sagas)
  }

  async open(host: StoreHost): Promise<StoreCapabilities> {
    this.#schema.enter(host.namespace)
    this.#runtime = host.runtime
    const database = await this.#connection.open(host)
    this.inbox.open(host.runtime)
    const { migrate: migrates, source } = this.#options
    const { name } = this.#schema
    await this.#connection.use(({ client }) => (migrates ? migrate(client, name) : checkTables(client, name)))
    await this.#partitions.extend()
    if (this.#options.restored === 'rebase') await this.#rebaseRestored(host)
    else await this.outbox.refuseRestored()
    this.#announcer.open(host)

    return { database, durable: source.kind !== 'embedded' || source.folder !== undefined, concurrent: !this.#connection.isSingle }
  }

  async begin(settings: TransactionSettings): Promise<Begun> {
    const session = await this.#connection.session()
    const begin = beginOf(settings, this.#options.source.kind)
    const transaction = new Transaction({ session, writers: this.#writers, begin, owner: settings.owner ?? 'Somebody' })
    if (settings.timeoutMs !== undefined) transaction.limit(this.#runtime, settings.timeoutMs)
    if (!settings.inbox || settings.inbox.length === 0) return { transaction, verdicts: [] }
    try {
      return { transaction, verdicts: await transaction.inbox.insert(settings.inbox) }
    } catch (error) {
      await transaction.rollback()
      throw error
    }
  }

  async #rebaseRestored({ log }: StoreHost): Promise<void> {
    const shards = await this.outbox.rebaseRestored()
    if (shards.length > 0) log.warn(`The outbox of ${shards.join(', ')} was rebased in a restored copy: what is still there is sent, maybe once more, under the same ids.`)
  }

  join(foreign: unknown): StoreTransaction {
    return new JoinedTransaction(foreign, this.#writers)
  }

  readonly query: StoreQuery = async (text, values) => {
    try {
      return await this.#connection.use(async (session) => {
        const { rows } = await session.client.query({ text, ...(values ? { values: [...values] } : {}) })
        if (!isWithin(session.client)) return rows
        session.cut()
        throw leftOpen()
      })
    } catch (error) {
      throw explain(error)
    }
  }

  isConflict(error: unknown): boolean {
    return meansAgain(error)
  }

  health(): StoreHealth {
    return this.#connection.health()
  }

  async close(deadlineMs: number): Promise<void> {
    await this.#announcer.close()
    await this.#connection.close(deadlineMs)
  }
}
