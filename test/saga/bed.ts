import type { AppOptions } from '@waybill/core'
import { outbox, type OutboxOptions } from '@waybill/outbox'
import { type Sagas, sagas } from '@waybill/saga'
import { memoryDatabase, type MemoryDatabase, memoryStore } from '@waybill/store-memory'
import { type Harness, harness } from '@waybill/testing'
import { onTestFinished } from 'vitest'
import { type Booked, Checkout, Payment, Script, script, Shipping, Stock } from './shop.js'

export interface Bed {
  readonly shop: Harness
  readonly sagas: Sagas
  readonly database: MemoryDatabase
  readonly script: Script
  status(id: string): Promise<string | undefined>
  /** What happened, without its details. */
  kinds(id: string): Promise<readonly string[]>
  /** What is taken and not given back. */
  books(): readonly unknown[]
}

interface Parts extends Partial<Pick<AppOptions, 'services' | 'middleware'>>, OutboxOptions {
  readonly database?: MemoryDatabase
  readonly seed?: number
}

/** Sagas and their participants on the memory pair, on a clock that stands still. */
export async function startBed({ services = [Checkout, Stock, Payment, Shipping], database = memoryDatabase(), middleware = [], seed = 1, ...options }: Parts = {}): Promise<Bed> {
  script.current = new Script()
  const made: { plugin: Sagas } = { plugin: sagas() }
  const shop = await harness({
    services,
    middleware,
    seed,
    log: false,
    plugins: () => {
      made.plugin = sagas()

      return [outbox(memoryStore({ database }), options), made.plugin]
    },
  })
  onTestFinished(() => shop.stop())

  return {
    shop,
    database,
    script: script.current,
    get sagas() {
      return made.plugin
    },
    status: async (id) => (await made.plugin.get('checkout', id))?.status,
    kinds: async (id) => (await made.plugin.timeline('checkout', id)).map(({ kind, step }) => (step === undefined ? kind : `${kind} ${String(step)}`)),
    books: () => (database.rows('books') as readonly Booked[]).map(({ count }) => count),
  }
}
