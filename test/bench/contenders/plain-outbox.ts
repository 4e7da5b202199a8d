import { Pool } from 'pg'
import type { BenchPublisher, Room } from '../contender.js'
import { connections } from '../scenario.js'
import { databaseUrl, declareShop, footprint, insertPurchase, purchaseOf } from '../shop-database.js'

/** The business row alone: BEGIN, INSERT, COMMIT. What a message costs is seen against it. */

export { footprint }

export function declare(room: Room): Promise<void> {
  return declareShop(room, ['CREATE VIEW stored AS SELECT id AS place, id::int FROM purchase'])
}

export async function openPublisher(room: Room): Promise<BenchPublisher> {
  const pool = new Pool({ connectionString: databaseUrl, max: connections })
  const place = async (values: unknown[]): Promise<void> => {
    const client = await pool.connect()
    try {
      await client.query('BEGIN')
      await client.query(insertPurchase(room), values)
      await client.query('COMMIT')
    } finally {
      client.release()
    }
  }

  return {
    send: (order, done) => void place(purchaseOf(order)).then(() => done(), done),
    close: () => pool.end(),
  }
}
