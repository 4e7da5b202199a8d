import { Service } from '@waybill/core'
import { Database, Transactional } from '@waybill/outbox'
import type { MemoryTables } from '@waybill/store-memory'
import { expect, test } from 'vitest'
import { startBed } from './bed.js'

@Service('orders')
class Orders {
  constructor(readonly database: Database) {}

  @Transactional()
  async plain(): Promise<void> {
    await this.serializable()
  }

  @Transactional({ isolation: 'serializable' })
  async serializable(): Promise<void> {
    await Promise.resolve()
  }

  @Transactional({ timeout: '20ms' })
  async slow(): Promise<void> {
    await new Promise<never>(() => undefined)
  }

  @Transactional({ attempts: 1 })
  async write(row: string, then: string, meanwhile: () => Promise<void>): Promise<void> {
    const tables = this.database.client<MemoryTables>()
    await tables.set('orders', row, 1)
    await meanwhile()
    await tables.set('orders', then, 1)
  }

  @Transactional({ attempts: 1, isolation: 'repeatable read' })
  async raise(meanwhile: () => Promise<void>): Promise<void> {
    const tables = this.database.client<MemoryTables>()
    await tables.get('orders', 'a')
    await meanwhile()
    await tables.set('orders', 'a', 2)
  }
}

const start = async () => {
  const { app, database } = await startBed({ services: [Orders] })

  return { app, database, orders: app.get(Orders) }
}

test('a method that needs another isolation than the transaction around it names both', async () => {
  const { orders } = await start()

  await expect(orders.plain()).rejects.toMatchObject({
    code: 'ISOLATION',
    message: expect.stringMatching(/^Orders\.serializable wants .*"serializable", and Orders\.plain called it/),
  })
})

test('the client of a transaction is refused where there is none, with what to do', async () => {
  const { app } = await start()

  expect(() => app.get(Database).client()).toThrow(expect.objectContaining({ code: 'NO_TRANSACTION', message: expect.stringContaining('Call it within a @Transactional method') }))
})

test('a store without statements of its own says so, within a transaction and outside', async () => {
  const { app } = await start()
  const database = app.get(Database)
  const refused = { code: 'NO_STATEMENTS', message: expect.stringContaining('Use Database.client() in a transaction.') }

  await expect(database.query('SELECT 1')).rejects.toMatchObject(refused)
  await expect(app.transaction(() => database.query('SELECT 1'))).rejects.toMatchObject(refused)
})

test('a transaction that takes too long is rolled back with the name of its method', async () => {
  const { orders } = await start()

  await expect(orders.slow()).rejects.toMatchObject({ code: 'TRANSACTION_TIMEOUT', message: expect.stringContaining('Orders.slow did not finish within 20 ms') })
})

test('where other transactions are in the way to the last try, it says how', async () => {
  const { orders, database } = await start()
  const [both, changed] = [gate(), gate()]
  let here = 0
  const meet = (): Promise<void> => {
    if (++here === 2) both.open()

    return both.passed
  }

  const circle = await Promise.allSettled([orders.write('a', 'b', meet), orders.write('b', 'a', meet)])
  const late = expect(orders.raise(() => changed.passed)).rejects.toMatchObject({ code: 'SERIALIZATION' })
  await orders.write('a', 'c', async () => undefined)
  changed.open()
  await late

  expect(circle.filter(({ status }) => status === 'rejected')).toMatchObject([{ reason: { code: 'DEADLOCK' } }])
  expect(database.rows('orders')).toEqual([1, 1, 1])
})

function gate() {
  let open: () => void = () => undefined
  const passed = new Promise<void>((resolve) => {
    open = resolve
  })

  return { passed, open }
}
