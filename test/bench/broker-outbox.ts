import { Pool } from 'pg'
import { BenchError, type Broker } from './broker.js'
import { openRabbitmq } from './broker-rabbitmq.js'
import type { Room } from './contender.js'
import type { Sightings } from './ledger.js'
import { databaseUrl, keyOf, schemaOf } from './shop-database.js'

/** RabbitMQ with a PostgreSQL before it. Whatever is read back has the order of its keys checked. */
export async function openOutbox(): Promise<Broker> {
  const pool = new Pool({ connectionString: databaseUrl, max: 2 })
  await pool.query('SELECT 1').catch((error: unknown) => {
    throw new BenchError(`PostgreSQL does not answer: ${String(error)}. Start it with "node test/setup/postgres.mjs start", or say where it is in WAYBILL_POSTGRES_URL.`)
  })
  const rabbitmq = await openRabbitmq()

  return {
    ...rabbitmq,
    name: 'outbox',
    drain: (room, footprint, ledger) => rabbitmq.drain(room, footprint, inOrder(ledger)),
    rows: (room, ledger) => readRows(pool, room, inOrder(ledger)),
    clear: async (room, footprint) => {
      await pool.query(`DROP SCHEMA IF EXISTS ${schemaOf(room)} CASCADE`)
      await rabbitmq.clear(room, footprint)
    },
    close: async () => {
      await pool.end()
      await rabbitmq.close()
    },
  }
}

async function readRows(pool: Pool, room: Room, ledger: Sightings): Promise<void> {
  const { rows } = await pool.query<{ id: number }>(`SELECT id FROM ${schemaOf(room)}.stored ORDER BY place`)
  for (const { id } of rows) ledger.see(id)
}

function inOrder(ledger: Sightings): Sightings {
  const last = new Map<string, number>()

  return {
    see: (id) => {
      const key = keyOf({ id })
      const before = last.get(key) ?? -1
      if (before > id) throw new BenchError(`The order ${id} came behind ${before}, which was written after it and has the same key.`)
      last.set(key, id)
      ledger.see(id)
    },
    get isComplete() {
      return ledger.isComplete
    },
  }
}
