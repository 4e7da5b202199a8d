import {
  type Duration,
  type ParkedFilter,
  parseDuration,
  type PluginHost,
  type PluginTransactions,
  type ShardStatus,
  type Store,
  type StoreTransaction,
  WaybillError,
} from '@waybill/core'
import { Backlog } from './backlog.js'
import { Database } from './database.js'
import { checkFilter } from './filter.js'
import { Keeper } from './keeper.js'
import { headWith, type Outbox, type ParkedEdit, type ParkedView, viewOf } from './operator.js'
import { type OutboxOptions, type ResolvedOptions, resolveOptions } from './options.js'
import { Relay } from './relay.js'
import { Scheduled, type TimerView } from './scheduled.js'

/**
 * Gives an app its store: listeners and `@Transactional` methods run in its transactions, what they publish leaves with the commit, and a message
 * that comes twice is processed once. The relay in this process, or in one beside it, sends what was stored.
 */
export function outbox(store: Store, options: OutboxOptions = {}): Outbox {
  return new OutboxPlugin(store, options)
}

/** How often other processes are told at most. */
const announceMs = 10

/** What is given and is no store is told by the app. */
const missingStore = { code: 'STORE', message: 'outbox() takes a store first, such as outbox(memoryStore()) or outbox(postgres(…)); found undefined.' }

class OutboxPlugin implements Outbox {
  readonly name = 'outbox'
  readonly store: Store
  readonly faults: ResolvedOptions['faults']
  readonly provides: NonNullable<Outbox['provides']>
  readonly #options: ResolvedOptions
  readonly #relays = new Map<string, Relay>()
  readonly #news = new Set<string>()
  readonly #ends: (() => void)[] = []
  #host: PluginHost | undefined
  #scheduled: Scheduled | undefined
  #cancelNews: (() => void) | undefined

  constructor(store: Store, options: OutboxOptions) {
    this.store = store
    this.#options = resolveOptions(options)
    this.faults = [...(store === undefined ? [missingStore] : []), ...this.#options.faults]
    this.provides = new Map([[Database, new Database(() => this.#transactions('Database'))]])
  }

  start(host: PluginHost): void {
    this.#host = host
    const transactions = this.#transactions('outbox')
    const { app, runtime, log, transports } = host
    this.#scheduled = new Scheduled(transactions, runtime, log, (shards) => this.#written(shards))
    this.#ends.push(
      transactions.onCommitted((shards) => this.#written(shards)),
      this.store.outbox.watch((shard) => this.#relays.get(shard)?.wake()),
    )
    const shards = transports.map(({ name }) => name)
    this.#bound(transactions, shards, host)
    if (!this.#options.relay) return
    const keeper = new Keeper({ app, store: this.store, shards, runtime, log, everyMs: this.#options.cleanUpMs, keepInboxMs: this.#options.keepInboxMs })
    for (const transport of transports) this.#relays.set(transport.name, this.#relayOf(transport, host))
    for (const relay of this.#relays.values()) relay.start()
    this.#scheduled.start()
    keeper.start()
    this.#ends.push(() => keeper.stop())
  }

  /** What the last listeners have committed is sent before the transports close. */
  async stop(): Promise<void> {
    for (const end of this.#ends.splice(0)) end()
    await this.#scheduled?.stop()
    await Promise.all([...this.#relays.values()].map((relay) => relay.stop()))
    this.#cancelNews?.()
  }

  within<T>(tx: unknown, work: () => Promise<T>): Promise<T> {
    return this.#transactions('outbox.within').within('outbox.within', tx, work)
  }

  status(): Promise<readonly ShardStatus[]> {
    return this.#open('outbox.status').outbox.status(this.#shards())
  }

  async parked(filter: ParkedFilter = {}, limit = 100): Promise<readonly ParkedView[]> {
    checkFilter('parked', filter)
    const found = await this.#open('outbox.parked').outbox.parked(filter, limit)

    return found.map(viewOf)
  }

  async retry(filter: ParkedFilter = {}): Promise<number> {
    checkFilter('retry', filter)
    const count = await this.#open('outbox.retry').outbox.retry(filter)
    this.#lookAtParked()

    return count
  }

  async edit(id: string, { headers, body }: ParkedEdit): Promise<boolean> {
    const store = this.#open('outbox.edit')
    const [found] = await store.outbox.parked({ ids: [id] }, 1)

    return found !== undefined && store.outbox.edit(found.shard, found.seq, { head: headers && headWith(id, found.head, headers), body })
  }

  async discard(filter: ParkedFilter, reason: string): Promise<number> {
    checkFilter('discard', filter)
    if (typeof reason !== 'string' || reason.trim() === '')
      throw new WaybillError('OUTBOX_FILTER', `outbox.discard takes the reason, for the log, after the filter; found ${JSON.stringify(reason)}. Give one that is not empty.`)
    const gone = await this.#open('outbox.discard').outbox.discard(filter)
    for (const { id, destination, key, code } of gone) this.#host?.log.warn(`The parked message "${id}" was discarded: ${reason}`, { destination, key, code })
    this.#lookAtParked()

    return gone.length
  }

  pause(transport?: string): Promise<void> {
    return this.#pause('outbox.pause', transport, true)
  }

  async resume(transport?: string): Promise<void> {
    await this.#pause('outbox.resume', transport, false)
    for (const relay of this.#relays.values()) relay.wake()
  }

  async rebase(): Promise<void> {
    const store = this.#open('outbox.rebase')
    for (const shard of this.#shards()) await store.outbox.rebase(shard)
    for (const relay of this.#relays.values()) relay.wake()
  }

  async timers(filter: { readonly target?: string; readonly subject?: string } = {}, limit = 100): Promise<readonly TimerView[]> {
    this.#open('outbox.timers')

    return this.#scheduled?.list(filter, limit) ?? []
  }

  async moveTimer(id: string, by: Duration): Promise<boolean> {
    const ms = parseDuration(by)
    if (ms === undefined) throw new WaybillError('DURATION', `outbox.moveTimer takes a duration such as "5m"; found ${JSON.stringify(by)}.`)
    const [timer] = await this.#open('outbox.moveTimer').timers.list({ ids: [id] }, 1)
    if (!timer) return false
    const isMoved = await this.#change('outbox.moveTimer', ({ timers }) => timers.move(id, timer.dueAt + ms))
    this.#scheduled?.wake()

    return isMoved
  }

  async cancelTimer(id: string): Promise<boolean> {
    const gone = await this.#change('outbox.cancelTimer', ({ timers }) => timers.cancel({ ids: [id] }))

    return gone.length > 0
  }

  #bound(transactions: PluginTransactions, shards: readonly string[], { runtime, log }: PluginHost): void {
    const { backlog: most } = this.#options
    if (most === undefined) return
    const backlog = new Backlog({ outbox: this.store.outbox, transactions, shards, runtime, log, most })
    backlog.start()
    this.#ends.push(() => backlog.stop())
  }

  #relayOf(transport: PluginHost['transports'][number], { app, instance, runtime, log }: PluginHost): Relay {
    return new Relay({ app, instance, outbox: this.store.outbox, transport, runtime, log, options: this.#options })
  }

  /** Our own relays at once, other processes soon: not each commit is told to them. */
  #written(shards: readonly string[]): void {
    this.#scheduled?.wake()
    for (const shard of shards) {
      const relay = this.#relays.get(shard)
      relay?.wake()
      if (!relay?.ownsShard) this.#news.add(shard)
    }
    if (this.#news.size > 0) this.#cancelNews ??= this.#host?.runtime.after(announceMs, () => this.#announce())
  }

  #announce(): void {
    this.#cancelNews = undefined
    const shards = [...this.#news]
    this.#news.clear()
    // Those that are not told find out by looking.
    this.store.outbox.announce(shards).catch(() => undefined)
  }

  async #pause(what: string, transport: string | undefined, isPaused: boolean): Promise<void> {
    const store = this.#open(what)
    for (const shard of transport === undefined ? this.#shards() : [this.#known(what, transport)]) await store.outbox.pause(shard, isPaused)
  }

  #known(what: string, transport: string): string {
    if (this.#shards().includes(transport)) return transport

    throw new WaybillError('UNKNOWN_TRANSPORT', `${what} names the transport "${transport}", which the app does not have. It has: ${this.#shards().join(', ')}.`)
  }

  async #change<T>(what: string, work: (transaction: StoreTransaction) => Promise<T>): Promise<T> {
    const transactions = this.#transactions(what)

    return transactions.run(what, { propagation: 'new' }, () => transactions.use(work))
  }

  #lookAtParked(): void {
    for (const relay of this.#relays.values()) relay.lookAtParked()
  }

  #shards(): readonly string[] {
    return this.#host?.transports.map(({ name }) => name) ?? []
  }

  #open(what: string): Store {
    this.#transactions(what)

    return this.store
  }

  #transactions(what: string): PluginTransactions {
    const transactions = this.#host?.transactions
    if (transactions) return transactions

    throw new WaybillError('NOT_STARTED', `${what} needs a running app with this outbox among its plugins. Await app.start() first.`)
  }
}
