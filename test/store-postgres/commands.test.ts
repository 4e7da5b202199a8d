import type { Store } from '@waybill/core'
import { describe, expect, it } from 'vitest'
import { beds, drain, flush, message } from './bed.js'

interface Client {
  query(statement: string | { readonly text: string }): Promise<unknown>
}

const commands = ['COMMIT', ' begin;', '-- by hand\nROLLBACK', '/* a */ start  transaction', 'END', 'abort', "PREPARE TRANSACTION 'a'", 'rollback and chain', 'COMMIT; SELECT 1']

describe.each(beds)('what begins and ends a transaction on %s', (_, makeBed) => {
  const bed = makeBed()

  async function ledger(store: Store): Promise<string> {
    const name = `"${bed.schema()}"`
    await store.query?.(`CREATE SCHEMA ${name}; CREATE TABLE ${name}.ledger (id int PRIMARY KEY)`)

    return `${name}.ledger`
  }

  it("is the store's alone: each command is refused, and the row stays with its message", async () => {
    const store = await bed.store()
    const table = await ledger(store)
    for (const command of commands) {
      const { transaction } = await store.begin({ owner: 'Orders.place' })
      const refused = { code: 'TRANSACTION_COMMAND', message: expect.stringContaining('Orders.place ran ') }
      await transaction.query?.(`INSERT INTO ${table} VALUES (1)`)

      await expect(transaction.query?.(command), command).rejects.toMatchObject(refused)
      await expect((transaction.client as Client).query({ text: command }), command).rejects.toMatchObject(refused)
      await transaction.rollback()
      expect(await bed.sql(`SELECT id FROM ${table}`), command).toEqual([])
    }
  })

  it('may be a savepoint, and a word that only looks like one of them', async () => {
    const store = await bed.store()
    const table = await ledger(store)
    const { transaction } = await store.begin({})
    for (const text of [`INSERT INTO ${table} VALUES (1)`, 'SAVEPOINT a', `INSERT INTO ${table} VALUES (2)`, 'ROLLBACK TO SAVEPOINT a', 'rollback work to a', 'RELEASE a'])
      await transaction.query?.(text)
    for (const text of ['WITH commits AS (SELECT 1) SELECT * FROM commits', '/* a */ SELECT CASE WHEN true THEN 1 /* b */ END']) await transaction.query?.(text)
    await transaction.commit(flush({ outbox: [message('kept')] }))

    expect(await bed.sql(`SELECT id FROM ${table}`)).toEqual([{ id: 1 }])
    expect(await drain(store)).toEqual(['kept'])
  })

  it('hidden behind another statement ends the transaction for all that follows, its messages too', async () => {
    const store = await bed.store()
    const table = await ledger(store)
    const { transaction } = await store.begin({ owner: 'Orders.place' })
    await transaction.query?.(`INSERT INTO ${table} VALUES (1); ROLLBACK`)

    await expect(transaction.query?.(`INSERT INTO ${table} VALUES (2)`)).rejects.toMatchObject({ code: 'TRANSACTION_COMMAND' })
    await expect(transaction.commit(flush({ outbox: [message('without its row')] }))).rejects.toMatchObject({ code: 'TRANSACTION_COMMAND' })
    expect(await bed.sql(`SELECT id FROM ${table}`)).toEqual([])
    expect(await drain(store)).toEqual([])
  })

  it('outside of one leaves nothing open for whoever has the connection next', async () => {
    const store = await bed.store()
    const table = await ledger(store)

    await expect(store.query?.('BEGIN')).rejects.toMatchObject({ code: 'TRANSACTION_COMMAND' })
    await store.query?.(`BEGIN; INSERT INTO ${table} VALUES (1); COMMIT`)
    await store.query?.(`INSERT INTO ${table} VALUES (2)`)

    expect(await bed.sql(`SELECT id FROM ${table} ORDER BY id`)).toEqual([{ id: 1 }, { id: 2 }])
  })
})
