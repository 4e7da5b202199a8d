import { randomUUID } from 'node:crypto'
import { PGlite } from '@electric-sql/pglite'
import { createPgConfig } from '@electric-sql/pglite/node-postgres'
import type { StoreTransaction } from '@waybill/core'
import { postgres, type PostgresOptions } from '@waybill/store-postgres'
import { type FaultProxy, faultProxy } from '@waybill/testing'
import { storeContract, type StoreSubject } from '@waybill/testing/contract'
import { Pool } from 'pg'
import { afterAll, beforeAll, describe, test } from 'vitest'

const url = new URL(process.env.WAYBILL_POSTGRES_URL ?? 'postgresql://postgres@127.0.0.1:5432/postgres')

describe('E1 PostgreSQL keeps the contract of a store', () => {
  let proxy: FaultProxy
  let pool: Pool
  beforeAll(async () => {
    proxy = await faultProxy({ to: { host: url.hostname, port: Number(url.port || 5432) } })
    pool = new Pool({ connectionString: url.href, max: 2 })
  })
  afterAll(async () => {
    await pool.end()
    await proxy.close()
  })
  const around = () => Object.assign(new URL(url), { host: `${proxy.host}:${proxy.port}` }).href

  for (const { title, run } of storeContract())
    test(
      title,
      () =>
        run({
          ...subjectOn(
            'postgres',
            () => ({ url: around(), connections: 6 }),
            () => pool,
          ),
          cut: async () => proxy.reset(),
        }),
      60_000,
    )
})

describe('E1 E2 PGlite keeps the contract of a store', () => {
  let pool: Pool
  beforeAll(async () => {
    pool = new Pool(Object.assign(createPgConfig(await PGlite.create()), { max: 1, idleTimeoutMillis: 0, pipeline: true }))
  }, 120_000)

  for (const { title, run } of storeContract())
    test(
      title,
      () =>
        run(
          subjectOn(
            'pglite',
            () => ({ pool }),
            () => pool,
          ),
        ),
      60_000,
    )
})

/** The user's rows lie in a table beside the store's schemas. */
function subjectOn(name: string, where: () => PostgresOptions, pool: () => Pool): StoreSubject {
  const table = `"rows_${randomUUID()}"`
  const ask = async ({ query }: StoreTransaction, text: string, values: readonly unknown[]) => {
    if (!query) throw new TypeError('A store with SQL was expected.')

    return query(text, values)
  }

  return {
    name,
    patienceMs: 20_000,
    create: () => postgres({ ...where(), schema: 'contract' }),
    prepare: async (store) => {
      await store.query?.(`CREATE TABLE IF NOT EXISTS ${table} (key text PRIMARY KEY, value text NOT NULL)`)
    },
    put: async (transaction, key, value) => {
      await ask(transaction, `INSERT INTO ${table} VALUES ($1, $2) ON CONFLICT (key) DO UPDATE SET value = excluded.value`, [key, value])
    },
    get: async (store, key) => {
      const rows = await store.query?.(`SELECT value FROM ${table} WHERE key = $1`, [key])
      const value = rows?.[0]?.['value']

      return typeof value === 'string' ? value : undefined
    },
    foreign: (transaction) => ({ query: (sql: string, values: readonly unknown[]) => ask(transaction, sql, values) }),
    remove: async (namespace) => {
      await pool().query(`DROP SCHEMA IF EXISTS "${namespace}_contract" CASCADE`)
      await pool().query(`DROP TABLE IF EXISTS ${table}`)
    },
  }
}
