import { WaybillError } from './error.js'
import type { Health } from './health.js'
import type { Link } from './link.js'
import { ListenerTransaction } from './listener-transaction.js'
import { metadataOf } from './metadata.js'
import { outgoingOf } from './outbox-message.js'
import type { Plan, PlannedListener } from './plan.js'
import type { GroupDepth, PluginHost, PluginTransactions, PluginTransport } from './plugin.js'
import type { Publishing } from './publishing.js'
import type { Replier } from './replier.js'
import type { Runtime } from './runtime.js'
import { scopes } from './scope.js'
import type { Store, StoreHealth } from './store.js'
import { resolveTransaction } from './transactional.js'
import { defaultTransaction, Transactions, type ResolvedTransaction } from './transactions.js'
import type { TransportHost } from './transport.js'

/** The store of an app, or that it has none: opened and closed with it, and the transactions in it. */
export class AppStore {
  readonly transactions: Transactions | undefined
  readonly #store: Store | undefined
  readonly #host: TransportHost

  constructor(store: Store | undefined, host: TransportHost) {
    this.#store = store
    this.#host = host
    this.transactions = store && new Transactions(store, host.runtime)
  }

  async open(): Promise<void> {
    await this.#store?.open(this.#host)
  }

  async close(deadlineMs: number): Promise<void> {
    await this.#store?.close(deadlineMs)
  }

  health(): (StoreHealth & { readonly name: string }) | undefined {
    return this.#store && { name: this.#store.name, ...this.#store.health() }
  }

  /** Rejects where the app has no store. */
  async run<T>(owner: string, settings: ResolvedTransaction, work: () => Promise<T>): Promise<T> {
    if (this.transactions) return this.transactions.run(owner, settings, work)
    throw new WaybillError('NO_STORE', `${owner} runs in a transaction, and the app has no store. Add one: plugins: [outbox(memoryStore())] or outbox(postgres(…)).`)
  }

  /** Undefined: that listener runs without one. */
  around(app: string, listener: PlannedListener, replier: Replier): ListenerTransaction | undefined {
    if (!this.transactions || !listener.options.transaction) return undefined
    const mark = metadataOf(listener.service).transactionalMethods.find(({ method }) => method === listener.method)
    const { settings } = resolveTransaction(listener.label, mark?.options)

    return new ListenerTransaction({ app, listener, settings: { ...settings, timeoutMs: listener.options.timeoutMs + 1_000 }, transactions: this.transactions, replier })
  }
}

export interface PluginParts {
  readonly plan: Plan
  readonly host: TransportHost
  readonly links: readonly Link[]
  readonly publishing: Publishing
  readonly transactions: Transactions | undefined
  health(): Health
  depths(): Promise<readonly GroupDepth[]>
}

/** What a plugin is given of its app. */
export function pluginHostOf({ plan, host, links, publishing, transactions, health, depths }: PluginParts): PluginHost {
  const { app, namespace, instance, runtime, log } = host

  return {
    app,
    namespace,
    instance,
    plan,
    runtime,
    log,
    transports: links.map((link) => pluginTransport(link, publishing, runtime)),
    transactions: transactions && pluginTransactions(transactions),
    health,
    depths,
  }
}

function pluginTransport(link: Link, publishing: Publishing, runtime: Runtime): PluginTransport {
  return {
    name: link.name,
    system: link.transport.name,
    get writable() {
      return link.transport.writable
    },
    send: (message, settled) => void publishing.enter(link, outgoingOf(message, runtime.now()), settled),
  }
}

function pluginTransactions(transactions: Transactions): PluginTransactions {
  return {
    store: transactions.store,
    current: () => scopes.getStore()?.transaction,
    use: async (work) => {
      const open = scopes.getStore()?.transaction
      if (!open) throw new WaybillError('NO_TRANSACTION', 'This needs an open transaction, and the caller runs in none.')

      return open.use(work)
    },
    run: (owner, settings, work) => transactions.run(owner, { ...defaultTransaction, ...settings }, work),
    within: (owner, foreign, work) => transactions.within(owner, foreign, work),
    timerHandlers: transactions.timerHandlers,
    onTimer: (target, fired) => void transactions.timerHandlers.set(target, fired),
    fireNext: () => transactions.fireNext(),
    onCommitted: (heard) => transactions.onCommitted(heard),
  }
}
