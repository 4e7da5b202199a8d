import { eventually } from '@waybill/testing'
import { describe, expect, it } from 'vitest'
import { beds, drain, flush, hostOf, message, write } from './bed.js'

describe.each(beds)('the outbox on %s', (_, makeBed) => {
  const bed = makeBed()

  it('messages come out once, in the order in which they were written', async () => {
    const store = await bed.store()
    await write(store, message('a'), message('b'))
    await write(store, message('c'))

    expect(await drain(store)).toEqual(['a', 'b', 'c'])
    expect(await drain(store)).toEqual([])
  })

  it('a message keeps everything it was given', async () => {
    const store = await bed.store()
    const given = message('{"a":1}', { key: 'o-1', head: '{"delay":"1s","text":"ä\u{1F600}"}', expiresAt: 1_900_000_000_123 })
    await write(store, given)

    const lease = await store.outbox.lease('main', 'me', 60_000)
    const page = lease && (await store.outbox.page(lease, { rows: 10, bytes: 1_000, after: undefined }))

    expect(page?.rows[0]).toMatchObject({ ...given, seq: expect.any(BigInt), storedAt: expect.any(Number) })
    expect(Math.abs((page?.rows[0]?.storedAt ?? 0) - Date.now())).toBeLessThan(60_000)
  })

  it('what was rolled back does not come out', async () => {
    const store = await bed.store()
    const { transaction } = await store.begin({})
    await transaction.query?.('SELECT 1')
    await transaction.rollback()
    await write(store, message('kept'))

    expect(await drain(store)).toEqual(['kept'])
  })

  it('pages smaller than what waits miss nothing and repeat nothing', async () => {
    const store = await bed.store()
    const texts = Array.from({ length: 25 }, (_, n) => `m${n}`)
    await write(store, ...texts.map((text) => message(text)))

    expect(await drain(store, 'main', 7)).toEqual(texts)
    expect(await drain(store, 'main', 7)).toEqual([])
  })

  it('a page stays below its bytes, and has at least one row', async () => {
    const store = await bed.store()
    await write(store, message('x'.repeat(600)), message('y'.repeat(600)), message('z'))
    const lease = await store.outbox.lease('main', 'me', 60_000)
    if (!lease) throw new Error('no lease')
    const first = await store.outbox.page(lease, { rows: 10, bytes: 500, after: undefined })
    const second = await store.outbox.page(lease, { rows: 10, bytes: 5_000, after: first })

    expect([first.rows.length, first.isLast, second.rows.length]).toEqual([1, false, 2])
  })

  it('what of a page was not dealt with comes first in the next', async () => {
    const store = await bed.store()
    await write(store, message('a'), message('b'), message('c'))
    const lease = await store.outbox.lease('main', 'me', 60_000)
    if (!lease) throw new Error('no lease')
    const page = await store.outbox.page(lease, { rows: 10, bytes: 5_000, after: undefined })
    await store.outbox.advance(lease, { page, done: 1, parked: [] })
    await store.outbox.release(lease)

    expect(await drain(store)).toEqual(['b', 'c'])
  })

  it('a shard sees its own messages only', async () => {
    const store = await bed.store()
    await write(store, message('here'), message('there', { shard: 'other' }))

    expect(await drain(store)).toEqual(['here'])
    expect(await drain(store, 'other')).toEqual(['there'])
  })

  it('O5 of two relays one has the lease, and what lost it changes nothing any more', async () => {
    const store = await bed.store()
    await write(store, message('a'))
    const first = await store.outbox.lease('main', 'first', 60_000)
    if (!first) throw new Error('no lease')
    const refused = await store.outbox.lease('main', 'second', 60_000)
    const page = await store.outbox.page(first, { rows: 10, bytes: 5_000, after: undefined })
    await store.outbox.renew(first, 0)
    const second = await store.outbox.lease('main', 'second', 60_000)

    expect(refused).toBeUndefined()
    expect(second?.epoch).toBeGreaterThan(first.epoch)
    expect(await store.outbox.advance(first, { page, done: 1, parked: page.rows.map((row) => ({ row, code: 'X', reason: 'late' })) })).toBe(false)
    expect(await store.outbox.renew(first, 60_000)).toBe(false)
    expect(await store.outbox.unpark(first, [1n], [])).toBe(false)
    expect(await store.outbox.parked({}, 10)).toEqual([])
  })

  it('O6 a message that cannot be sent waits beside the outbox, its key behind it, until somebody retries it', async () => {
    const store = await bed.store()
    await write(store, message('bad', { key: 'k' }), message('good', { key: 'other' }), message('behind', { key: 'k' }))
    const lease = await store.outbox.lease('main', 'me', 60_000)
    if (!lease) throw new Error('no lease')
    const page = await store.outbox.page(lease, { rows: 10, bytes: 5_000, after: undefined })
    const [bad, , behind] = page.rows
    if (!bad || !behind) throw new Error('no rows')
    await store.outbox.advance(lease, {
      page,
      done: 3,
      parked: [
        { row: bad, code: 'TOO_LARGE', reason: 'it is' },
        { row: behind, code: 'BEHIND', reason: 'it follows' },
      ],
    })

    expect(await store.outbox.parkedKeys('main')).toEqual(['k'])
    expect(await store.outbox.released(lease, 10)).toEqual([])

    await store.outbox.edit('main', bad.seq, { body: Buffer.from('mended') })
    expect(await store.outbox.retry({ ids: [bad.id] })).toBe(1)
    const released = await store.outbox.released(lease, 10)

    expect(released.map(({ body }) => Buffer.from(body).toString())).toEqual(['mended', 'behind'])
    expect(
      await store.outbox.unpark(
        lease,
        released.map(({ seq }) => seq),
        [],
      ),
    ).toBe(true)
    expect(await store.outbox.parkedKeys('main')).toEqual([])
  })

  it('O9 a part of the outbox is dropped when all of it is published, and not before', async () => {
    const schema = bed.schema()
    const store = await bed.store({ schema })
    const parts = async () =>
      (await bed.sql(`SELECT c.relname AS name FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid WHERE i.inhparent = '"${schema}".outbox'::regclass ORDER BY 1`)).map(
        ({ name }) => name,
      )
    await write(store, message('old'))
    await bed.sql(`SELECT setval('"${schema}".outbox_seq', 1700000)`)
    await store.outbox.clean()
    await write(store, message('new'))
    await store.outbox.clean()

    expect(await parts()).toContain('outbox_0')
    expect(await drain(store)).toEqual(['old', 'new'])

    // Somebody else's transaction may be in the way for a moment.
    await eventually(async () => {
      await store.outbox.clean()
      expect(await parts()).toEqual(['outbox_2', 'outbox_3', 'outbox_4', 'outbox_5'])
    })
  })

  it('a message that finds no part for its place is a conflict, and finds one when it is written again', async () => {
    const schema = bed.schema()
    const store = await bed.store({ schema })
    await bed.sql(`SELECT setval('"${schema}".outbox_seq', 99000000)`)

    await expect(write(store, message('far'))).rejects.toMatchObject({ code: 'STORE_CONFLICT' })
    await write(store, message('again'))
    await bed.sql(`SELECT setval('"${schema}".outbox_seq', 199000000)`)
    await store.outbox.append([message('alone')])

    expect(await drain(store)).toEqual(['again', 'alone'])
  })

  it('O13 a copy restored into another cluster is refused until it is rebased, and loses nothing then', async () => {
    const schema = bed.schema()
    const store = await bed.store({ schema })
    await write(store, message('before'))
    await drain(store)
    await write(store, message('waiting'))
    // As in a restored copy: the cluster is another, and rows carry numbers that its transactions have not reached.
    await bed.sql(`UPDATE "${schema}".outbox_cursor SET cluster = 1, prev = '900000000:900000000:'`)
    await bed.sql(`UPDATE "${schema}".outbox SET xid = '900000001' WHERE body = 'waiting'`)

    const restored = bed.made({ schema })
    await expect(restored.open(hostOf())).rejects.toMatchObject({ code: 'OUTBOX_RESTORED' })
    await expect(store.outbox.lease('main', 'me', 1_000)).rejects.toMatchObject({ code: 'OUTBOX_RESTORED' })

    await restored.outbox.rebase('main')
    expect(await drain(store)).toEqual(['before', 'waiting'])
  })

  it('an operator stops a shard and lets it go on', async () => {
    const store = await bed.store()
    await write(store, message('a'))
    await store.outbox.pause('main', true)
    const lease = await store.outbox.lease('main', 'me', 60_000)
    if (!lease) throw new Error('no lease')
    const page = await store.outbox.page(lease, { rows: 10, bytes: 5_000, after: undefined })
    await store.outbox.release(lease)
    await store.outbox.pause('main', false)

    expect([page.isPaused, page.rows]).toEqual([true, []])
    expect(await drain(store)).toEqual(['a'])
  })

  it('the status of many rows is an estimate, exact in its age, and knows those that another transport holds up', async () => {
    const store = await bed.store()
    const many = (shard: string, count: number) => Array.from({ length: count }, () => message('x', { shard }))
    await write(store, ...many('slow', 7))
    await drain(store, 'fast')
    for (let part = 0; part < 3; part++) await write(store, ...many('fast', 1_000))
    await write(store, ...many('slow', 2))
    const before = await store.outbox.status(['fast', 'slow'])

    await drain(store, 'fast')
    const after = await store.outbox.status(['fast'])

    expect(before[0]?.pending).toBeGreaterThan(2_700)
    expect(before[0]?.pending).toBeLessThan(3_100)
    expect(before[1]?.pending).toBeGreaterThanOrEqual(7)
    expect(before[1]?.oldestMs).toBeGreaterThanOrEqual(before[0]?.oldestMs ?? 0)
    expect(after[0]).toMatchObject({ pending: 0, oldestMs: undefined })
  })

  it('the status counts what waits', async () => {
    const store = await bed.store()
    await write(store, message('a'), message('b'))
    const before = await store.outbox.status(['main', 'unknown'])
    await drain(store)
    const after = await store.outbox.status(['main'])

    expect(before.map(({ shard, pending }) => [shard, pending])).toEqual([
      ['main', 2],
      ['unknown', 0],
    ])
    expect(before[0]?.oldestMs).toBeGreaterThanOrEqual(0)
    expect(after[0]).toMatchObject({ pending: 0, oldestMs: undefined, parked: 0, isPaused: false, owner: undefined })
  })

  it('a transaction with nothing to write costs nothing and ends', async () => {
    const store = await bed.store()
    const { transaction } = await store.begin({})
    await transaction.commit(flush())

    expect(store.health()).toMatchObject({ connected: true, open: 0, waiting: 0 })
  })
})
