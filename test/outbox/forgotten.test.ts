import { Event, Listener, type Middleware, type Publish, Publisher, Service } from '@waybill/core'
import { Database, Transactional } from '@waybill/outbox'
import type { MemoryTables } from '@waybill/store-memory'
import { eventually } from '@waybill/testing'
import { expect, test } from 'vitest'
import { z } from 'zod'
import { Asked, startBed, Told } from './bed.js'

class Unheard extends Event('unheard.unheard', { payload: z.object({ n: z.number() }) }) {}

@Service('orders')
class Orders {
  constructor(
    private readonly database: Database,
    @Publisher(Told) private readonly tell: Publish<Told>,
  ) {}

  @Transactional()
  async place(n: number): Promise<void> {
    await this.#row(n)
    void this.tell({ n })
  }

  @Transactional()
  async placeBoth(n: number): Promise<void> {
    await this.#row(n)
    this.later(n).catch(() => undefined)
  }

  @Transactional()
  async later(n: number): Promise<void> {
    await new Promise((resolve) => setImmediate(resolve))
    await this.#row(n + 1)
  }

  @Listener(Asked, { transaction: false, retry: false })
  async hear({ n }: Asked): Promise<void> {
    void this.tell({ n })
  }

  async #row(n: number): Promise<void> {
    await this.database.client<MemoryTables>().set('orders', String(n), { n })
  }
}

const slow: Middleware = {
  async publish(call, next) {
    await new Promise((resolve) => setImmediate(resolve))
    await next(call.options)
  },
}

test('a transaction whose last publish is not awaited and not held yet is rolled back, and says so', async () => {
  const { app, database, outbox } = await startBed({ services: [Orders], middleware: [slow] })

  await expect(app.get(Orders).place(1)).rejects.toMatchObject({
    code: 'FORGOTTEN_AWAIT',
    message: expect.stringContaining('Orders.place did not await a publish of its transaction'),
  })

  expect(database.rows('orders')).toEqual([])
  expect((await outbox.status()).map(({ pending }) => pending)).toEqual([0])
})

test('a transaction whose last publish waits for its channel is rolled back, and says so', async () => {
  const { app } = await startBed({ services: [] })

  await expect(app.transaction(async () => void app.publish(new Unheard({ n: 1 })))).rejects.toMatchObject({ code: 'FORGOTTEN_AWAIT' })
})

test('a transaction whose publish is refused while nobody awaits it is rolled back, and says why', async () => {
  const { app, database } = await startBed({ services: [Orders] })
  const place = async (db: Database): Promise<void> => {
    await db.client<MemoryTables>().set('orders', '1', { n: 1 })
    void app.publish(new Told({ n: 1 }), { id: '' })
  }

  await expect(app.transaction(() => place(app.get(Database)))).rejects.toMatchObject({ message: expect.stringContaining('"id"') })

  expect(database.rows('orders')).toEqual([])
})

test('a transaction that ends before a call that takes part in it is rolled back, and says so', async () => {
  const { app, database } = await startBed({ services: [Orders] })

  await expect(app.get(Orders).placeBoth(1)).rejects.toMatchObject({ code: 'FORGOTTEN_AWAIT', message: expect.stringContaining('a method of its transaction') })
  await new Promise((resolve) => setImmediate(resolve))

  expect(database.rows('orders')).toEqual([])
})

test('a transaction that does not await a publish that is held at once is rolled back too, without any middleware', async () => {
  const { app, database, outbox } = await startBed({ services: [Orders] })

  await expect(app.get(Orders).place(1)).rejects.toMatchObject({ code: 'FORGOTTEN_AWAIT', message: expect.stringContaining('Orders.place did not await a publish') })

  expect(database.rows('orders')).toEqual([])
  expect((await outbox.status()).map(({ pending }) => pending)).toEqual([0])
})

test('a transaction that publishes first and awaits all of it later commits', async () => {
  const { app, outbox } = await startBed({ services: [Orders] })

  await app.transaction(async () => {
    const told = [1, 2].map((n) => app.publish(new Told({ n })))
    await Promise.all(told)
  })
  await eventually(async () => (await outbox.status()).every(({ pending }) => pending === 0))

  expect(await outbox.parked()).toEqual([])
})

test('a listener without a transaction that forgets a publish is not acked', async () => {
  const { app } = await startBed({ services: [Orders], middleware: [slow] })
  const of = { channel: 'asked', group: 'orders' }

  await app.publish(new Asked({ n: 1 }))
  await eventually(async () => (await app.deadLetters.list(of)).length === 1)

  expect((await app.deadLetters.list(of))[0]?.message).toContain('Orders.hear did not await a publish of its own')
})
