import { Pool } from 'pg'
import { onTestFinished, test } from 'vitest'
import { url } from '../store-postgres/bed.js'
import { expectWhole, ledgerOn, points } from './outbox-kills.js'

test('O1 O3 a process that is killed at each point of commit, publish, cursor and settle loses nothing, turns no key round and does nothing twice', {
  timeout: 180_000,
}, async () => {
  const ledger = ledgerOn(url)
  onTestFinished(() => dropAll(ledger.namespace.replaceAll('-', '_')))

  for (const [at, point] of points.entries()) await ledger.live({ point, nth: point === 'after-cursor' ? 1 : 2 + 3 * at })

  await expectWhole(ledger, points.length)
})

async function dropAll(prefix: string): Promise<void> {
  const pool = new Pool({ connectionString: url, max: 1 })
  const { rows } = await pool.query(`SELECT nspname FROM pg_namespace WHERE nspname LIKE $1`, [`${prefix}%`])
  for (const { nspname } of rows) await pool.query(`DROP SCHEMA "${nspname}" CASCADE`)
  await pool.query(`DROP TABLE IF EXISTS ${['booked', 'heard', 'echoed'].map((name) => `${prefix}_${name}`).join(', ')}`)
  await pool.end()
}
