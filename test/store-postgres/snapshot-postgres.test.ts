import { randomUUID } from 'node:crypto'
import type { OutboxPage, Store } from '@waybill/core'
import { Client } from 'pg'
import { describe, expect, it } from 'vitest'
import { newPageText, pageSettings, pageText } from '../../packages/store-postgres/src/outbox-page.js'
import { drain, flush, message, serverBed, url, write } from './bed.js'

describe('what many write at once', () => {
  const bed = serverBed()

  it('O4 transactions that commit in the opposite order of their numbers are skipped by nobody, and a key keeps its order', async () => {
    const store = await bed.store()
    const late = await store.begin({})
    await late.transaction.query?.('SELECT pg_current_xact_id()')
    const lease = await store.outbox.lease('main', 'me', 600_000)
    if (!lease) throw new Error('no lease')
    const read = async () => {
      const page = await store.outbox.page(lease, { rows: 100, bytes: 1 << 20, after: undefined })
      await store.outbox.advance(lease, { page, done: page.rows.length, parked: [] })

      return page.rows.map(({ body }) => Buffer.from(body).toString())
    }

    await write(store, message('early', { key: 'k' }))
    const first = await read()
    await late.transaction.commit(flush({ outbox: [message('late', { key: 'k' })] }))
    const second = await read()

    expect([first, second]).toEqual([['early'], ['late']])
  })

  it.each([
    ['reader', (store: Store) => drain(store, 'main', 7)],
    ['reader that is some pages ahead of its cursor', drainAhead],
  ])(
    'O4 a %s beside ten writers loses nothing, doubles nothing and turns no key round',
    async (_, drainOnce) => {
      const store = await bed.store({ connections: 14 })
      const keys = Array.from({ length: 5 }, (_, n) => `key-${n}`)
      const committed = new Map<string, string[]>()
      let open = 10
      const read: string[] = []
      const writer = async (seed: number): Promise<void> => {
        for (let n = 0; n < 60; n++) await writeOne(store, { key: keys[(seed + n) % keys.length] ?? '', isLost: (seed * 31 + n) % 10 === 0, isSlow: n % 3 === 0 }, committed)
        open--
      }
      const reader = async (): Promise<void> => {
        while (open > 0) read.push(...(await drainOnce(store)))
        read.push(...(await drainOnce(store)))
      }
      await Promise.all([reader(), ...Array.from({ length: 10 }, (_, seed) => writer(seed))])

      const byKey = groups(read)

      expect(read.length).toBe([...committed.values()].flat().length)
      for (const key of keys) expect(byKey.get(key)).toEqual(committed.get(key))
    },
    60_000,
  )

  it('O11 a transaction that stays open, here or in another database, holds nobody up', async () => {
    const name = `other_${randomUUID().replaceAll('-', '').slice(0, 10)}`
    await bed.sql(`CREATE DATABASE ${name}`)
    const stranger = new Client({ connectionString: Object.assign(new URL(url), { pathname: `/${name}` }).href })
    await stranger.connect()
    await stranger.query('BEGIN; CREATE TABLE held (id int)')
    const store = await bed.store()
    const sleeper = await store.begin({})
    await sleeper.transaction.query?.('SELECT pg_current_xact_id()')

    for (let n = 0; n < 3; n++) {
      await write(store, message(`a${n}`))
      expect(await drain(store)).toEqual([`a${n}`])
    }
    await sleeper.transaction.commit(flush({ outbox: [message('woken')] }))
    expect(await drain(store)).toEqual(['woken'])

    await stranger.end()
    await bed.sql(`DROP DATABASE ${name} WITH (FORCE)`)
  })

  it('a page is read along the primary key, and what was open along the index of transactions, without compiling, also in a table that nobody analysed', async () => {
    const schema = bed.schema()
    const store = await bed.store({ schema })
    await bed.sql(`ALTER TABLE "${schema}".outbox_0 SET (autovacuum_enabled = false)`)
    await bed.sql(`INSERT INTO "${schema}".outbox (shard, id, destination, head, body) SELECT 'main', n::text, 'orders', '{}', 'x' FROM generate_series(1, 20000) n`)
    await drain(store, 'main', 20_000)
    await bed.sql(`INSERT INTO "${schema}".outbox (shard, id, destination, head, body) SELECT 'main', n::text, 'orders', '{}', 'x' FROM generate_series(1, 3000) n`)

    for (const plan of await plansOf(bed, schema)) {
      expect(plan).toMatch(/Index Scan using outbox_0_pkey/)
      expect(plan).toMatch(/Index Scan using outbox_0_xid_idx/)
      expect(plan).not.toMatch(/Seq Scan on outbox|JIT/)
    }
  })
})

async function writeOne(
  store: Store,
  { key, isLost, isSlow }: { readonly key: string; readonly isLost: boolean; readonly isSlow: boolean },
  committed: Map<string, string[]>,
): Promise<void> {
  const { transaction } = await store.begin({})
  // Its number is drawn early and its place late, as in a handler that writes its inbox row first.
  await transaction.query?.('SELECT pg_current_xact_id()')
  if (isSlow) await transaction.query?.('SELECT pg_sleep(0.002)')
  // The row lock that the aggregate of this key would be.
  await transaction.query?.('SELECT pg_advisory_xact_lock(hashtext($1), 7)', [key])
  if (isLost) return transaction.rollback()
  const texts = committed.get(key) ?? []
  committed.set(key, texts)
  const text = `${key}/${texts.length}`
  texts.push(text)
  await transaction.commit(flush({ outbox: [message(text, { key })] }))
}

function groups(texts: readonly string[]): ReadonlyMap<string, readonly string[]> {
  const found = new Map<string, string[]>()
  for (const text of texts) {
    const key = text.split('/')[0] ?? ''
    found.set(key, [...(found.get(key) ?? []), text])
  }

  return found
}

/** Reads up to four pages, each behind the one before, and then moves the cursor behind all of them in one step. */
async function drainAhead(store: Store): Promise<readonly string[]> {
  const lease = await store.outbox.lease('main', 'drainer', 60_000)
  if (!lease) throw new Error('The lease was expected to be free.')
  const pages: OutboxPage[] = []
  while (pages.length < 4) {
    const page = await store.outbox.page(lease, { rows: 7, bytes: 4_000_000, after: pages.at(-1) })
    if (page.rows.length === 0) break
    pages.push(page)
  }
  const page = pages.at(-1)
  if (page) await store.outbox.advance(lease, { page, done: page.rows.length, parked: [] })
  await store.outbox.release(lease)
  if (page && pages.length === 4) return [...textsOf(pages), ...(await drainAhead(store))]

  return textsOf(pages)
}

function textsOf(pages: readonly OutboxPage[]): readonly string[] {
  return pages.flatMap(({ rows }) => rows.map(({ body }) => Buffer.from(body).toString()))
}

/** As the store asks for it, with nothing known of the values. */
async function plansOf(bed: ReturnType<typeof serverBed>, schema: string): Promise<readonly string[]> {
  const [cursor] = await bed.sql(`SELECT prev::text, floor, pg_current_snapshot()::text AS win FROM "${schema}".outbox_cursor`)
  const client = new Client({ connectionString: url })
  await client.connect()
  const explain = async (call: string): Promise<string> => (await client.query(`EXPLAIN EXECUTE ${call}`)).rows.map((row) => row['QUERY PLAN']).join('\n')
  const inSchema = (text: string): string => text.replaceAll('{}', `"${schema}"`)
  try {
    await client.query(`BEGIN; SET LOCAL plan_cache_mode = force_generic_plan; SET LOCAL jit_above_cost = 0; ${pageSettings}`)
    await client.query(`PREPARE page (text, bigint, bigint, pg_snapshot, pg_snapshot, int, int) AS ${inSchema(pageText)}`)
    await client.query(`PREPARE new_page (text, bigint, bigint, pg_snapshot, int, int) AS ${inSchema(newPageText)}`)
    const place = `'main', 0, ${cursor?.['floor']}, '${cursor?.['prev']}'`

    return [await explain(`page (${place}, '${cursor?.['win']}', 1000, 4000000)`), await explain(`new_page (${place}, 1000, 4000000)`)]
  } finally {
    await client.end()
  }
}
