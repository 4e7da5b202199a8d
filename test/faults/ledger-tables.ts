import { Pool } from 'pg'
import { url } from '../store-postgres/bed.js'

/** Takes away what the processes of a ledger left on the server. */
export async function dropLedger(namespace: string): Promise<void> {
  const prefix = namespace.replaceAll('-', '_')
  const pool = new Pool({ connectionString: url, max: 1 })
  const { rows } = await pool.query(`SELECT nspname FROM pg_namespace WHERE nspname LIKE $1`, [`${prefix}%`])
  for (const { nspname } of rows) await pool.query(`DROP SCHEMA "${nspname}" CASCADE`)
  await pool.query(`DROP TABLE IF EXISTS ${['booked', 'heard', 'echoed'].map((name) => `${prefix}_${name}`).join(', ')}`)
  await pool.end()
}
