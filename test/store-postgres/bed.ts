import { randomUUID } from 'node:crypto'
import type { OutboxMessage, Store } from '@waybill/core'
import { postgres, type PostgresOptions } from '@waybill/store-postgres'
import { PGlite } from '@electric-sql/pglite'
import { createPgConfig } from '@electric-sql/pglite/node-postgres'
import { Pool } from 'pg'
import { afterAll, afterEach, beforeAll } from 'vitest'
import { flush, hostOf, silent } from '../setup/store-seam.js'

export { flush, hostOf, silent }

export const url = process.env.WAYBILL_POSTGRES_URL ?? 'postgresql://postgres@127.0.0.1:5432/postgres'

/** A database for a test file: opens stores in schemas of their own, and takes everything away behind. */
export interface Bed {
  /** Runs a statement beside every store. */
  sql(text: string, values?: unknown[]): Promise<readonly Record<string, unknown>[]>
  schema(): string
  /** Opened, in this schema or one of its own. */
  store(options?: Partial<PostgresOptions>): Promise<Store>
  /** Not opened. */
  made(options?: Partial<PostgresOptions>): Store
}

/** A real server. */
export function serverBed(): Bed {
  const pool = new Pool({ connectionString: url, max: 4 })
  afterAll(() => pool.end())

  return bedOn(
    () => ({ url }),
    () => pool,
  )
}

let shared: Pool | undefined

/** PGlite in memory: one for all files of a worker, because it takes seconds to make. */
export function embeddedBed(): Bed {
  beforeAll(async () => {
    shared ??= new Pool(Object.assign(createPgConfig(await PGlite.create()), { max: 1, idleTimeoutMillis: 0, pipeline: true }))
  }, 120_000)

  return bedOn(
    () => ({ pool: sharedPool() }),
    () => sharedPool(),
  )
}

function sharedPool(): Pool {
  if (!shared) throw new Error('PGlite was expected to be made before the first test.')

  return shared
}

/** Both, for what is to be the same on both. */
export const beds: readonly (readonly [name: string, bed: () => Bed])[] = [
  ['PostgreSQL', serverBed],
  ['PGlite', embeddedBed],
]

function bedOn(where: () => PostgresOptions, pool: () => Pool): Bed {
  const stores: Store[] = []
  const schemas: string[] = []
  const sql: Bed['sql'] = async (text, values) => (await pool().query(text, values)).rows
  afterEach(() => Promise.all(stores.splice(0).map((store) => store.close(1_000))))
  // What a test ends by `onTestFinished`, an app with its relay, ends after `afterEach`.
  afterAll(async () => {
    for (const schema of schemas.splice(0)) await sql(`DROP SCHEMA IF EXISTS "${schema}" CASCADE`)
  })

  const schema = (): string => {
    const name = `t_${randomUUID().replaceAll('-', '').slice(0, 12)}`
    schemas.push(name)

    return name
  }
  const made = (options: Partial<PostgresOptions> = {}): Store => {
    const store = postgres({ ...(options.url || options.pool || options.embedded ? {} : where()), schema: options.schema ?? schema(), ...options })
    stores.push(store)

    return store
  }

  return {
    sql,
    schema,
    made,
    async store(options) {
      const store = made(options)
      await store.open(hostOf())

      return store
    },
  }
}

export function message(text: string, more: Partial<OutboxMessage> = {}): OutboxMessage {
  return { id: randomUUID(), shard: 'main', key: undefined, destination: 'orders', head: '{}', body: Buffer.from(text), expiresAt: undefined, ...more }
}

/** Commits these messages in one transaction. */
export async function write(store: Store, ...messages: readonly OutboxMessage[]): Promise<void> {
  const { transaction } = await store.begin({})
  await transaction.commit(flush({ outbox: messages }))
}

/** Takes the lease and everything that waits, as the relay does. */
export async function drain(store: Store, shard = 'main', rows = 1_000): Promise<readonly string[]> {
  const lease = await store.outbox.lease(shard, 'drainer', 60_000)
  if (!lease) throw new Error(`The lease of "${shard}" was expected to be free.`)
  const texts: string[] = []
  for (;;) {
    const page = await store.outbox.page(lease, { rows, bytes: 4 << 20, after: undefined })
    texts.push(...page.rows.map(({ body }) => Buffer.from(body).toString()))
    await store.outbox.advance(lease, { page, done: page.rows.length, parked: [] })
    if (page.isLast) break
  }
  await store.outbox.release(lease)

  return texts
}
