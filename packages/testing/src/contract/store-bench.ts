import assert from 'node:assert/strict'
import {
  type Flush,
  type Lease,
  type Logger,
  type OutboxMessage,
  type OutboxPage,
  type Runtime,
  type Store,
  type StoreCapabilities,
  systemRuntime,
  type Timer,
  type TransactionSettings,
} from '@waybill/core'
import { eventually, within } from './condition.js'
import type { StoreSubject } from './store-subject.js'

/** Nothing. */
export const nothing: Flush = Object.freeze({ outbox: [], timers: [], replies: [] })

/** Everything that one case of a store needs, in a namespace that no other case has. */
export class StoreBench {
  readonly subject: StoreSubject
  readonly runtime: Runtime = systemRuntime
  readonly namespace: string
  readonly patienceMs: number
  readonly #stores: Store[] = []
  #capabilities: StoreCapabilities | undefined
  #prepared: Promise<void> | undefined

  constructor(subject: StoreSubject) {
    this.subject = subject
    this.namespace = `n${this.runtime.id().replaceAll('-', '').slice(4, 24)}`
    this.patienceMs = subject.patienceMs ?? 10_000
  }

  get capabilities(): StoreCapabilities {
    assert.ok(this.#capabilities, 'A store is open.')

    return this.#capabilities
  }

  /** Another store of the same app, as another process has it. */
  async open(): Promise<Store> {
    const store = this.subject.create()
    this.#stores.push(store)
    const host = { app: 'contract', instance: this.runtime.id(), namespace: this.namespace, runtime: this.runtime, log: silent }
    this.#capabilities = await within('the store opens', 3 * this.patienceMs, store.open(host))
    this.#prepared ??= this.subject.prepare?.(store) ?? Promise.resolve()
    await this.#prepared

    return store
  }

  /** Runs the work in a transaction and commits it with `last`. */
  async commit(
    store: Store,
    last: Partial<Flush>,
    work: (begun: Awaited<ReturnType<Store['begin']>>) => Promise<void> = async () => undefined,
    settings: TransactionSettings = {},
  ): Promise<void> {
    const begun = await store.begin(settings)
    try {
      await work(begun)
    } catch (error) {
      await begun.transaction.rollback()
      throw error
    }
    await begun.transaction.commit({ ...nothing, ...last })
  }

  message(id: string, parts: Partial<OutboxMessage> = {}): OutboxMessage {
    return { id, shard: 'main', key: undefined, destination: 'orders', head: `{"id":${JSON.stringify(id)}}`, body: Buffer.from(`body of ${id}`), expiresAt: undefined, ...parts }
  }

  timer(id: string, inMs: number, parts: Partial<Timer> = {}): Timer {
    return { id, dueAt: this.runtime.now() + inMs, target: 'publish', subject: 'orders', payload: Buffer.from(`payload of ${id}`), ...parts }
  }

  async lease(store: Store, options: { readonly owner?: string; readonly ttlMs?: number; readonly shard?: string } = {}): Promise<Lease> {
    const lease = await store.outbox.lease(options.shard ?? 'main', options.owner ?? 'me', options.ttlMs ?? 60_000)
    assert.ok(lease, 'The lease is free.')

    return lease
  }

  /** One page, dealt with. */
  async take(store: Store, lease: Lease, rows = 100): Promise<readonly string[]> {
    const page = await this.page(store, lease, rows)
    if (page.rows.length > 0) assert.equal(await store.outbox.advance(lease, { page, done: page.rows.length, parked: [] }), true, 'The owner of the lease advances.')

    return idsOf(page)
  }

  /** Pages until nothing is left; a store may need several looks to close one window and open the next. */
  async drain(store: Store, lease: Lease, rows = 100): Promise<readonly string[]> {
    const found: string[] = []
    for (let empty = 0; empty < 3; ) {
      const ids = await this.take(store, lease, rows)
      found.push(...ids)
      empty = ids.length === 0 ? empty + 1 : 0
    }

    return found
  }

  page(store: Store, lease: Lease, rows = 100, after?: OutboxPage): Promise<OutboxPage> {
    return store.outbox.page(lease, { rows, bytes: 4_194_304, after })
  }

  eventually(claim: string, condition: () => boolean | Promise<boolean>): Promise<void> {
    return eventually(claim, condition, { withinMs: this.patienceMs })
  }

  /** A few turns of the loop: enough for whatever does not wait. */
  async runtimeTurns(): Promise<void> {
    for (let turn = 0; turn < 20; turn++) await new Promise<void>((resolve) => this.runtime.after(1, resolve))
  }

  within<T>(what: string, work: Promise<T>): Promise<T> {
    return within(what, this.patienceMs, work)
  }

  async close(): Promise<void> {
    await Promise.all(this.#stores.map((store) => store.close(1_000)))
    await this.subject.remove?.(this.namespace)
  }
}

export function idsOf({ rows }: OutboxPage): readonly string[] {
  return rows.map(({ id }) => id)
}

const silent: Logger = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined }
