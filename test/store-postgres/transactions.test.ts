import { randomUUID } from 'node:crypto'
import { type InboxEntry, type Store, uuid7Source } from '@waybill/core'
import { describe, expect, it } from 'vitest'
import { beds, drain, flush, message, write } from './bed.js'

// A new source each time: one of its own would never go back.
const nextId = (ms: number): string => uuid7Source(() => Buffer.from(randomUUID().replaceAll('-', ''), 'hex'))(ms)
const day = 86_400_000

/** A transaction that processes this message and commits. */
async function process(store: Store, entry: InboxEntry, reply?: string) {
  const { transaction, verdicts } = await store.begin({ inbox: [entry] })
  await transaction.commit(flush({ replies: reply === undefined ? [] : [{ group: entry.group, id: entry.id, reply: Buffer.from(reply) }] }))

  return verdicts[0]
}

describe.each(beds)('a transaction on %s', (_, makeBed) => {
  const bed = makeBed()

  async function ledger(store: Store): Promise<string> {
    const name = `"${bed.schema()}"`
    await store.query?.(`CREATE SCHEMA ${name}; CREATE TABLE ${name}.ledger (id int PRIMARY KEY)`)

    return `${name}.ledger`
  }

  it("the user's row and the message commit together", async () => {
    const store = await bed.store()
    const table = await ledger(store)
    const { transaction } = await store.begin({})
    await transaction.query?.(`INSERT INTO ${table} VALUES ($1)`, [1])
    await transaction.commit(flush({ outbox: [message('with the row')] }))

    expect(await bed.sql(`SELECT id FROM ${table}`)).toEqual([{ id: 1 }])
    expect(await drain(store)).toEqual(['with the row'])
  })

  it('a rollback takes back the row', async () => {
    const store = await bed.store()
    const table = await ledger(store)
    const { transaction } = await store.begin({})
    await transaction.query?.(`INSERT INTO ${table} VALUES (1)`)
    await transaction.rollback()

    expect(await bed.sql(`SELECT id FROM ${table}`)).toEqual([])
  })

  it('a commit after a statement whose error was swallowed says so, and sends nothing', async () => {
    const store = await bed.store()
    const { transaction } = await store.begin({})
    await expect(transaction.query?.('SELECT nothing_like_this')).rejects.toMatchObject({ code: '42703' })

    await expect(transaction.commit(flush())).rejects.toMatchObject({ code: 'TRANSACTION_ABORTED' })
    expect(await drain(store)).toEqual([])
  })

  it('a value that cannot be written fails its statement, and nothing of the transaction stays', async () => {
    const store = await bed.store()
    const table = await ledger(store)
    await process(store, { group: 'g', id: nextId(Date.now()) })
    const { transaction } = await store.begin({})
    await transaction.query?.(`INSERT INTO ${table} VALUES ($1)`, [1])
    const circle: Record<string, unknown> = {}
    circle['self'] = circle
    await expect(transaction.query?.(`INSERT INTO ${table} VALUES ($1)`, [circle])).rejects.toThrow()
    await transaction.rollback()

    expect(await bed.sql(`SELECT id FROM ${table}`)).toEqual([])
    await write(store, message('after'))
    expect(await drain(store)).toEqual(['after'])
  })

  it('a first statement that could not be written leaves its connection to the next transaction', async () => {
    const store = await bed.store({ connections: 1 })
    const table = await ledger(store)
    await process(store, { group: 'g', id: nextId(Date.now()) })
    const { transaction } = await store.begin({})
    const circle: Record<string, unknown> = {}
    circle['self'] = circle
    await expect(transaction.query?.(`INSERT INTO ${table} VALUES ($1)`, [circle])).rejects.toThrow()
    await transaction.commit(flush({ outbox: [message('never')] })).catch(() => undefined)

    await write(store, message('after'))
    expect(await drain(store)).toContain('after')
  })

  it('what follows a first statement that failed is in the same transaction', async () => {
    const store = await bed.store()
    const table = await ledger(store)
    const { transaction } = await store.begin({})
    await expect(transaction.query?.(`INSERT INTO ${table} VALUES ($1)`, ['no number'])).rejects.toMatchObject({ code: '22P02' })
    await expect(transaction.query?.(`INSERT INTO ${table} VALUES ($1)`, [2])).rejects.toMatchObject({ code: '25P02' })
    await transaction.rollback()

    expect(await bed.sql(`SELECT id FROM ${table}`)).toEqual([])
  })

  it('a constraint that is looked at late fails the commit with its own error', async () => {
    const store = await bed.store()
    const table = await ledger(store)
    await store.query?.(`ALTER TABLE ${table} ADD COLUMN parent int REFERENCES ${table} DEFERRABLE INITIALLY DEFERRED`)
    const { transaction } = await store.begin({})
    await transaction.query?.(`INSERT INTO ${table} VALUES (1, 7)`)

    await expect(transaction.commit(flush({ outbox: [message('never')] }))).rejects.toMatchObject({ code: '23503' })
    expect(await drain(store)).toEqual([])
  })

  it('two statements at once are refused, and the transaction goes on', async () => {
    const store = await bed.store()
    const { transaction } = await store.begin({})
    const [first, second] = await Promise.allSettled([transaction.query?.('SELECT 1 AS one'), transaction.query?.('SELECT 2 AS two')])
    await transaction.commit(flush())

    expect(first).toMatchObject({ status: 'fulfilled', value: [{ one: 1 }] })
    expect(second).toMatchObject({ status: 'rejected', reason: { code: 'PARALLEL_STATEMENTS' } })
  })

  it('a statement after the end is refused', async () => {
    const store = await bed.store()
    const { transaction } = await store.begin({})
    await transaction.commit(flush())

    await expect(transaction.query?.('SELECT 1')).rejects.toMatchObject({ code: 'TRANSACTION_ENDED' })
  })

  it('reads only where it was opened so, with the isolation it was given', async () => {
    const store = await bed.store()
    const table = await ledger(store)
    const { transaction } = await store.begin({ readOnly: true, isolation: 'repeatable read', timeoutMs: 5_000 })
    const [level] = (await transaction.query?.(`SELECT current_setting('transaction_isolation') AS level`)) ?? []

    expect(level).toEqual({ level: 'repeatable read' })
    await expect(transaction.query?.(`INSERT INTO ${table} VALUES (1)`)).rejects.toMatchObject({ code: 'READ_ONLY' })
    await transaction.rollback()
  })

  it('another tool that opened the transaction takes the messages with it', async () => {
    const store = await bed.store()
    const own = await store.begin({})
    const foreign = { query: async (sql: string, values?: unknown[]) => own.transaction.query?.(sql, values) }
    const joined = store.join(foreign)
    const verdicts = await joined.inbox.insert([{ group: 'g', id: 'x' }])
    await joined.commit(flush({ outbox: [message('joined', { key: 'k' }), message('too')] }))
    await own.transaction.commit(flush())

    expect(verdicts).toEqual([{ kind: 'first' }])
    expect(await drain(store)).toEqual(['joined', 'too'])
    expect(() => store.join({})).toThrow(expect.objectContaining({ code: 'FOREIGN_TRANSACTION' }))
  })

  it.each([
    ['ours', () => nextId(Date.now())],
    ['of long ago', () => nextId(Date.now() - 400 * day)],
    ['of times to come', () => nextId(Date.now() + 400 * day)],
    ['of the last moment that fits', () => 'ffffffff-ffff-7fff-bfff-ffffffffffff'],
    ['of anybody', () => `order #${randomUUID()} \u{1F600}'`],
  ])('a message is processed once by each group: an id %s', async (_kind, id) => {
    const store = await bed.store()
    const entry = { group: 'billing', id: id() }

    expect(await process(store, entry, 'answer')).toEqual({ kind: 'first' })
    expect(await process(store, entry)).toEqual({ kind: 'duplicate', reply: Buffer.from('answer') })
    expect(await process(store, { ...entry, group: 'stock' })).toEqual({ kind: 'first' })
  })

  it('an id that grows old between two deliveries is still known', async () => {
    const schema = bed.schema()
    const store = await bed.store({ schema })
    const old = nextId(Date.now() - 3 * day)
    const [key] = await bed.sql(`SELECT substring(sha256($1::bytea) FOR 16) AS key`, [Buffer.from(old)])
    const text = new Date(Date.now() - 3 * day).toISOString().slice(0, 10)
    await bed.sql(`CREATE TABLE "${schema}".inbox_before PARTITION OF "${schema}".inbox FOR VALUES FROM (date '${text}') TO (date '${text}' + 1)`)
    await bed.sql(`INSERT INTO "${schema}".inbox (day, grp, key) VALUES ($1::date, 'g', $2)`, [text, key?.['key']])

    expect(await process(store, { group: 'g', id: old })).toMatchObject({ kind: 'duplicate' })
  })

  it('of a batch that names one message twice the first is new', async () => {
    const store = await bed.store()
    const id = nextId(Date.now())
    const { transaction, verdicts } = await store.begin({
      inbox: [
        { group: 'g', id },
        { group: 'g', id: 'other' },
        { group: 'g', id },
      ],
    })
    await transaction.commit(flush())

    expect(verdicts.map(({ kind }) => kind)).toEqual(['first', 'first', 'duplicate'])
  })

  it('a message older than the last of its key is stale, and leaves nothing behind', async () => {
    const store = await bed.store()
    const guarded = (id: string, sequence: bigint): InboxEntry => ({ group: 'g', id, guard: { producer: 'p', key: 'k', sequence } })

    expect(await process(store, guarded('five', 5n))).toEqual({ kind: 'first' })
    expect(await process(store, guarded('four', 4n))).toEqual({ kind: 'stale', last: 5n })
    expect(await process(store, guarded('four', 4n))).toEqual({ kind: 'stale', last: 5n })
    expect(await process(store, guarded('five', 5n))).toMatchObject({ kind: 'duplicate' })
    expect(await process(store, guarded('six', 6n))).toEqual({ kind: 'first' })
  })

  it('what is to be forgotten goes, what is to be kept stays', async () => {
    const schema = bed.schema()
    const store = await bed.store({ schema })
    const ids = [nextId(Date.now()), 'of anybody']
    for (const id of ids) await process(store, { group: 'g', id })
    await bed.sql(`UPDATE "${schema}".inbox_foreign SET seen_at = now() - interval '8 days'`)
    await bed.sql(`CREATE TABLE "${schema}".inbox_7 PARTITION OF "${schema}".inbox FOR VALUES FROM ('1970-01-08') TO ('1970-01-09')`)
    await store.inbox.clean(7 * day)

    expect(await process(store, { group: 'g', id: ids[0] ?? '' })).toMatchObject({ kind: 'duplicate' })
    expect(await process(store, { group: 'g', id: ids[1] ?? '' })).toEqual({ kind: 'first' })
    expect(await bed.sql(`SELECT to_regclass('"${schema}".inbox_7') AS gone`)).toEqual([{ gone: null }])
  })

  it('a timer is armed, moved, cancelled and taken with its transaction', async () => {
    const store = await bed.store()
    const timer = (id: string, dueAt: number) => ({ id, dueAt, target: 'publish', subject: 'orders', payload: Buffer.from(id) })
    const armed = await store.begin({})
    await armed.transaction.timers.arm([timer('b', 2_000), timer('a', 1_000), timer('later', Date.now() + day)])
    await armed.transaction.commit(flush({ timers: [timer('c', 3_000)] }))
    const undone = await store.begin({})
    const first = await undone.transaction.timers.takeDue(['publish'], 1)
    await undone.transaction.rollback()
    const taken = await store.begin({})
    const due = await taken.transaction.timers.takeDue(['publish'], 10)
    const moved = await taken.transaction.timers.move('later', 5_000)
    const cancelled = await taken.transaction.timers.cancel({ ids: ['later', 'nobody'] })
    await taken.transaction.commit(flush())

    expect(first.map(({ id }) => id)).toEqual(['a'])
    expect(due.map(({ id, dueAt }) => [id, dueAt])).toEqual([
      ['a', 1_000],
      ['b', 2_000],
      ['c', 3_000],
    ])
    expect([moved, cancelled, await store.timers.nextDueMs(['publish'])]).toEqual([true, ['later'], undefined])
  })
})
