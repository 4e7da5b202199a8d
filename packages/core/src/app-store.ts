import { WaybillError } from './error.js'
import { ListenerTransaction } from './listener-transaction.js'
import { metadataOf } from './metadata.js'
import type { PlannedListener } from './plan.js'
import type { Replier } from './replier.js'
import type { Store, StoreHealth } from './store.js'
import { StoreOutage } from './store-outage.js'
import { resolveTransaction } from './transactional.js'
import { Transactions, type ResolvedTransaction } from './transactions.js'
import type { TransportHost } from './transport.js'

/** The store of an app, or that it has none: opened and closed with it, and the transactions in it. */
export class AppStore {
  readonly transactions: Transactions | undefined
  readonly outage: StoreOutage
  readonly #store: Store | undefined
  readonly #host: TransportHost

  constructor(store: Store | undefined, host: TransportHost) {
    this.#store = store
    this.#host = host
    this.outage = new StoreOutage(store?.name ?? 'none', host)
    this.transactions = store && new Transactions(store, host.runtime, host)
  }

  async open(): Promise<void> {
    const capabilities = await this.#store?.open(this.#host)
    if (this.transactions && capabilities) this.transactions.isConcurrent = capabilities.concurrent
  }

  async close(deadlineMs: number): Promise<void> {
    await this.#store?.close(deadlineMs)
  }

  health(): (StoreHealth & { readonly name: string }) | undefined {
    return this.#store && { name: this.#store.name, ...this.#store.health() }
  }

  /** Throws where the app has no store. */
  run<T>(owner: string, settings: ResolvedTransaction, work: () => Promise<T>): Promise<T> {
    if (this.transactions) return this.transactions.run(owner, settings, work)
    throw new WaybillError('NO_STORE', `${owner} runs in a transaction, and the app has no store. Add one: plugins: [outbox(memoryStore())] or outbox(postgres(…)).`)
  }

  /** Undefined: that listener runs without one. */
  around(app: string, listener: PlannedListener, replier: Replier): ListenerTransaction | undefined {
    if (!this.transactions || !listener.options.transaction) return undefined
    const mark = metadataOf(listener.service).transactionalMethods.find(({ method }) => method === listener.method)
    const { settings } = resolveTransaction(listener.label, mark?.options)

    return new ListenerTransaction({ app, listener, settings: { ...settings, timeoutMs: listener.options.timeoutMs }, transactions: this.transactions, replier })
  }
}
