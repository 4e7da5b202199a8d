import { Command, Listener, type Publish, Publisher, Service } from '@waybill/core'
import { Database, Transactional } from '@waybill/outbox'
import type { MemoryTables } from '@waybill/store-memory'
import { eventually } from '@waybill/testing'
import { expect, test } from 'vitest'
import { z } from 'zod'
import { startBed, Told } from './bed.js'

class Place extends Command('place.order', { payload: z.object({ n: z.number() }) }) {}

@Service('audience')
class Audience {
  readonly heard: number[] = []

  @Listener(Told)
  hear({ n }: Told): void {
    this.heard.push(n)
  }
}

@Service('orders')
class Orders {
  constructor(
    readonly database: Database,
    @Publisher(Told) private readonly tell: Publish<Told>,
  ) {}

  @Transactional()
  async place(n: number): Promise<void> {
    await this.database.client<MemoryTables>().set('orders', String(n), { n })
    await this.tell({ n })
    if (n < 0) throw new Error('refused')
  }

  @Transactional()
  async placeBoth(first: number, second: number): Promise<void> {
    await this.place(first)
    await this.place(second)
  }

  @Transactional({ propagation: 'new' })
  async note(n: number): Promise<void> {
    await this.tell({ n })
  }

  @Transactional()
  async placeAndNote(n: number): Promise<void> {
    await this.note(n + 100)
    await this.place(n)
  }

  @Transactional({ propagation: 'never' })
  async outside(): Promise<string> {
    return 'outside'
  }

  @Transactional()
  async wrongly(): Promise<string> {
    return this.outside()
  }

  @Transactional()
  @Publisher(Told)
  async above(n: number): Promise<Told> {
    await this.database.client<MemoryTables>().set('orders', String(n), { n })

    return new Told({ n })
  }

  @Publisher(Told)
  @Transactional()
  async below(n: number): Promise<Told> {
    await this.database.client<MemoryTables>().set('orders', String(n), { n })

    return new Told({ n })
  }

  @Listener(Place)
  async onPlace({ n }: Place): Promise<void> {
    await this.place(n)
  }
}

const services = [Orders, Audience]

test('a row and its message commit together', async () => {
  const { app, database } = await startBed({ services })

  await app.get(Orders).place(1)
  await eventually(() => app.get(Audience).heard.length === 1)

  expect(database.rows('orders')).toEqual([{ n: 1 }])
  expect(app.get(Audience).heard).toEqual([1])
})

test('O2 a rollback publishes nothing, nested calls included', async () => {
  const { app, database, outbox } = await startBed({ services })
  const orders = app.get(Orders)

  await expect(orders.place(-1)).rejects.toThrow('refused')
  await expect(orders.placeBoth(1, -2)).rejects.toThrow('refused')
  await orders.place(3)
  await eventually(() => app.get(Audience).heard.length === 1)

  expect(database.rows('orders')).toEqual([{ n: 3 }])
  expect(app.get(Audience).heard).toEqual([3])
  expect((await outbox.status()).map(({ pending }) => pending)).toEqual([0])
})

test('a call that wants a transaction of its own commits whatever becomes of the one around it', async () => {
  const { app } = await startBed({ services })

  await expect(app.get(Orders).placeAndNote(-1)).rejects.toThrow('refused')
  await eventually(() => app.get(Audience).heard.length === 1)

  expect(app.get(Audience).heard).toEqual([99])
})

test('a method that is never to run in a transaction says who called it in one', async () => {
  const { app } = await startBed({ services })

  await expect(app.get(Orders).outside()).resolves.toBe('outside')
  await expect(app.get(Orders).wrongly()).rejects.toMatchObject({ code: 'IN_TRANSACTION', message: expect.stringContaining('Orders.wrongly') })
})

test.each(['above', 'below'] as const)('what a method returns leaves with its transaction, with @Transactional %s @Publisher', async (method) => {
  const { app, database } = await startBed({ services, limits: { bodyBytes: 9 } })

  await app.get(Orders)[method](1)
  await eventually(() => app.get(Audience).heard.length === 1)
  await expect(app.get(Orders)[method](1_000_000)).rejects.toMatchObject({ code: 'MESSAGE_TOO_LARGE' })

  expect(database.rows('orders')).toEqual([{ n: 1 }])
})

test('code outside a class has transactions too', async () => {
  const { app, database } = await startBed({ services })
  const { database: db } = app.get(Orders)

  await app.transaction(async () => {
    await db.client<MemoryTables>().set('orders', '1', { n: 1 })
    await app.publish(new Told({ n: 1 }))
  })
  const failed = app.transaction(async () => {
    await db.client<MemoryTables>().set('orders', '2', { n: 2 })
    await app.publish(new Told({ n: 2 }))
    throw new Error('after all')
  })

  await expect(failed).rejects.toThrow('after all')
  await eventually(() => app.get(Audience).heard.length === 1)
  expect(database.rows('orders')).toEqual([{ n: 1 }])
})

test('a listener, what it writes and what it sends are one transaction', async () => {
  const { app, database, outbox } = await startBed({ services })

  await app.publish(new Place({ n: 1 }))
  await eventually(() => app.get(Audience).heard.length === 1)

  expect(database.rows('orders')).toEqual([{ n: 1 }])
  expect((await outbox.status()).map(({ pending }) => pending)).toEqual([0])
})

test('a method in conflict with another one runs again as a whole', async () => {
  let open: () => void = () => undefined
  const bothHaveRead = new Promise<void>((resolve) => {
    open = resolve
  })
  let reads = 0
  @Service('counter')
  class Counter {
    runs = 0

    constructor(private readonly database: Database) {}

    @Transactional({ isolation: 'repeatable read' })
    async count(): Promise<void> {
      this.runs++
      const tables = this.database.client<MemoryTables>()
      const { n } = (await tables.get<{ n: number }>('counters', 'one')) ?? { n: 0 }
      if (++reads === 2) open()
      await bothHaveRead
      await tables.set('counters', 'one', { n: n + 1 })
    }
  }
  const { app, database } = await startBed({ services: [Counter] })
  const counter = app.get(Counter)

  await Promise.all([counter.count(), counter.count()])

  expect(database.rows('counters')).toEqual([{ n: 2 }])
  expect(counter.runs).toBe(3)
})

test('an app without a store says at start which methods need one', async () => {
  await expect(startBed({ services, plugins: [] } as never)).rejects.toMatchObject({ code: 'NO_STORE', message: expect.stringContaining('Orders.place') })
})
