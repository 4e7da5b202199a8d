import { Pool } from 'pg'
import { BenchError, type Broker } from './broker.js'
import { databaseUrl, schemaOf } from './shop-database.js'

/** A PostgreSQL; the broker is in the contenders' memory. What was done is read back from the rows that did it. */
export async function openSaga(): Promise<Broker> {
  const pool = new Pool({ connectionString: databaseUrl, max: 2 })
  await pool.query('SELECT 1').catch((error: unknown) => {
    throw new BenchError(`PostgreSQL does not answer: ${String(error)}. Start it with "node test/setup/postgres.mjs start", or say where it is in WAYBILL_POSTGRES_URL.`)
  })

  return {
    name: 'saga',
    url: '',
    endpoint: undefined,
    drain: async () => {},
    rows: async (room, ledger) => {
      const { rows } = await pool.query<{ id: number }>(`SELECT id FROM ${schemaOf(room)}.work`)
      for (const { id } of rows) ledger.see(id)
    },
    leftover: async () => 0,
    clear: async (room) => void (await pool.query(`DROP SCHEMA IF EXISTS ${schemaOf(room)} CASCADE`)),
    close: () => pool.end(),
  }
}
