import { markOfStore, type PluginTransactions, type StoreQuery, WaybillError } from '@waybill/core'

/**
 * The app's store, for services: a constructor that names it gets it. Within a transaction everything runs in that; outside, each statement by itself.
 */
export class Database {
  readonly #transactions: () => PluginTransactions

  /** @internal Given by the outbox. */
  constructor(transactions: () => PluginTransactions) {
    this.#transactions = transactions
  }

  /** Runs a statement with its values, and resolves with the rows. Throws where the store knows no statements: use `client` there. */
  query<R extends object = Readonly<Record<string, unknown>>>(statement: string, values?: readonly unknown[]): Promise<readonly R[]> {
    try {
      const { store, current } = this.#transactions()
      const open = current()
      const run = async (query: StoreQuery | undefined): Promise<readonly R[]> => (await language(query, store.name)(statement, values)) as readonly R[]

      return open ? open.use((transaction) => run(transaction.query)) : run(store.query)
    } catch (error) {
      return Promise.reject(error as Error)
    }
  }

  /** Runs the work in the transaction around it, or in one of its own; messages that it publishes leave with the commit. */
  transaction<T>(work: () => Promise<T>): Promise<T> {
    return this.#transactions().run('Database.transaction', {}, work)
  }

  /** What other tools take to run in the open transaction: of PostgreSQL its client. Throws outside one. */
  client<C>(): C {
    const { current, store } = this.#transactions()
    const open = current()
    if (open) return open.client as C

    throw new WaybillError(
      'NO_TRANSACTION',
      `Database.client() is that of an open transaction of "${store.name}", and there is none here. Call it within a @Transactional method, a listener, or Database.transaction.`,
    )
  }
}

markOfStore(Database)

function language(query: StoreQuery | undefined, store: string): StoreQuery {
  if (query) return query

  throw new WaybillError('NO_STATEMENTS', `The store "${store}" knows no statements. Use Database.client() in a transaction.`)
}
