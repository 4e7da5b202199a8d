import { createApp, Event, Listener, Service } from '@waybill/core'
import { Database, outbox, Transactional } from '@waybill/outbox'
import { eventually } from '@waybill/testing'
import { memory, memoryBroker } from '@waybill/transport-memory'
import { expect, it, onTestFinished } from 'vitest'
import { z } from 'zod'
import { embeddedBed } from './bed.js'

class Noted extends Event('note.noted', { channel: 'notes', payload: z.object({ n: z.number() }) }) {}

@Service('orders')
class Orders {
  readonly heard: number[] = []

  constructor(private readonly database: Database) {}

  @Transactional()
  async place(): Promise<void> {
    await this.database.query('SELECT 1')
    await this.note()
  }

  @Transactional({ propagation: 'new' })
  async note(): Promise<readonly object[]> {
    return this.database.query('SELECT 2 AS n')
  }

  @Listener(Noted, { transaction: false })
  hear({ n }: Noted): void {
    this.heard.push(n)
  }
}

const bed = embeddedBed()

async function startShop() {
  const broker = memoryBroker()
  const app = createApp({
    name: 'shop',
    services: [Orders],
    transport: memory({ broker }),
    plugins: [outbox(bed.made())],
    channels: { notes: { fallback: 'outbox' } },
    publishDeadline: '100ms',
    signals: false,
    log: false,
  })
  onTestFinished(() => app.stop())
  await app.start()

  return { app, broker, orders: app.get(Orders) }
}

it('E2 a transaction in another is refused at once where the database has one session, and what follows works', async () => {
  const { orders } = await startShop()

  await expect(orders.place()).rejects.toMatchObject({
    code: 'SINGLE_SESSION',
    message: expect.stringMatching(/^Orders\.note wants a transaction of its own, and Orders\.place called it in one/),
  })
  await expect(orders.note()).resolves.toEqual([{ n: 2 }])
})

it('E2 what leaves a transaction before its end does not wait for its session, whether the broker takes it or not', async () => {
  const { app, broker, orders } = await startShop()
  const publish = (n: number): Promise<void> =>
    app.transaction(async () => {
      await app.get(Database).query('SELECT 1')
      await app.publish(new Noted({ n }), { held: false })
    })

  await publish(1)
  broker.stop()
  await expect(publish(2)).rejects.toMatchObject({ code: 'REJECTED' })
  broker.start()
  await eventually(() => orders.heard.length === 1)

  expect(orders.heard).toEqual([1])
})
