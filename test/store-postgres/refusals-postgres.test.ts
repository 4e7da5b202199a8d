import type { PostgresPool } from '@waybill/store-postgres'
import { Pool, type PoolClient } from 'pg'
import { expect, it, onTestFinished, vi } from 'vitest'
import { hostOf, serverBed, url } from './bed.js'

const bed = serverBed()

it('a server that is too old is refused with what it is', async () => {
  const pool = new Pool({ connectionString: url, max: 1 })
  onTestFinished(() => pool.end())
  const store = bed.made({ pool: { connect: async () => aged(await pool.connect()) } satisfies PostgresPool })

  await expect(store.open(hostOf())).rejects.toMatchObject({ code: 'STORE_TOO_OLD', message: 'The store needs PostgreSQL 13 or later; found PostgreSQL 12.9. Use a later server.' })
})

it('the embedded database says what to install where it is missing', async () => {
  vi.doMock('@electric-sql/pglite', () => {
    throw new Error("Cannot find package '@electric-sql/pglite'")
  })
  onTestFinished(() => {
    vi.doUnmock('@electric-sql/pglite')
  })
  const store = bed.made({ embedded: true })

  await expect(store.open(hostOf())).rejects.toMatchObject({ code: 'EMBEDDED_MISSING', message: expect.stringContaining('npm install -E @electric-sql/pglite@') })
})

it('a statement that takes too long is ended by the database, within a transaction and outside', async () => {
  const schema = bed.schema()
  await bed.store({ schema })
  const store = await bed.store({ schema, statementTimeout: '1s' })
  const { transaction } = await store.begin({})
  const late = { code: 'STATEMENT_TIMEOUT', message: expect.stringContaining('raise "statementTimeout"') }

  await expect(transaction.query?.('SELECT pg_sleep(20)')).rejects.toMatchObject(late)
  await transaction.rollback()
  await expect(store.query?.('SELECT pg_sleep(20)')).rejects.toMatchObject(late)
})

it('a transaction that a closing store has cut off runs nothing more', async () => {
  const store = await bed.store()
  const { transaction } = await store.begin({})
  await transaction.query?.('SELECT 1')
  await store.close(0)

  await expect(transaction.query?.('SELECT 1')).rejects.toMatchObject({ code: 'SESSION_RELEASED' })
})

/** A client that says of its server what an older one says. */
function aged(client: PoolClient): PoolClient {
  const query = async (statement: { readonly text: string }): Promise<unknown> => {
    const answer = await client.query(statement)

    return statement.text.includes('server_version_num') ? { ...answer, rows: [{ number: 120_009, name: 'PostgreSQL 12.9' }] } : answer
  }

  return new Proxy(client, { get: (target, name) => (name === 'query' ? query : bound(target, name)) })
}

function bound(target: PoolClient, name: string | symbol): unknown {
  const found: unknown = Reflect.get(target, name, target)

  return typeof found === 'function' ? found.bind(target) : found
}
