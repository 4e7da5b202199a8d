import { Event } from '@waybill/core'
import { outbox } from '@waybill/outbox'
import { Saga, sagas, startedBy } from '@waybill/saga'
import { memoryDatabase, memoryStore } from '@waybill/store-memory'
import { harness } from '@waybill/testing'
import { expect, onTestFinished, test } from 'vitest'
import { z } from 'zod'
import { startBed } from './bed.js'
import { OrderConfirmed, OrderRejected, Payment, ReleaseStock, ReserveStock, ShipOrder, Shipping, Stock, StockReserved } from './shop.js'

/** Without a key, any process starts it. */
class Wanted extends Event('order.wanted', { channel: 'desk', payload: z.object({ orderId: z.string() }) }) {}

const ends = {
  completed: [OrderConfirmed, ({ orderId }: { orderId: string }) => ({ orderId, charge: '' })],
  compensated: [OrderRejected, ({ orderId = '' }: { orderId?: string }) => ({ orderId, code: '', reason: '' })],
} as const

@Saga('checkout', { version: 1 })
class First {
  readonly flow = startedBy(Wanted, { id: (order) => order.orderId, state: ({ orderId }) => ({ orderId }) })
    .pivot('reserve', (step) => step.send(ReserveStock, (s) => s).done(StockReserved))
    .ends(ends)
}

@Saga('checkout', { version: 2, earlier: [First] })
class Second {
  readonly flow = startedBy(Wanted, { id: (order) => order.orderId, state: ({ orderId }) => ({ orderId }) })
    .step('reserve', (step) =>
      step
        .send(ReserveStock, (s) => ({ orderId: s.orderId }))
        .done(StockReserved)
        .undo(ReleaseStock, (s) => ({ orderId: s.orderId })),
    )
    .pivot('ship', (step) => step.send(ShipOrder, (s) => ({ orderId: s.orderId })))
    .ends(ends)
}

test('G7 while processes of two versions run, sagas of both go on, also where the older process hears of the newer saga', async () => {
  const database = memoryDatabase()
  const older = await startBed({ database, services: [First, Stock, Payment, Shipping] })
  const plugins = () => [outbox(memoryStore({ database })), sagas()]
  const newer = await harness({ name: 'newer', services: [Second, Stock, Payment, Shipping], beside: older.shop, plugins, log: false })
  onTestFinished(() => newer.stop())

  for (let n = 0; n < 20; n++) await newer.when(new Wanted({ orderId: `o-${n}` }))
  await newer.advance('20m')
  const ends = (await older.sagas.list({ limit: 100 })).map(({ version, status }) => `${version} ${status}`)

  expect([...new Set(ends)].sort()).toEqual(['1 completed', '2 completed'])
  expect(await older.shop.deadLetters('checkout')).toEqual([])
})

test('what no process has the code for is kept as a dead letter in the end', async () => {
  const database = memoryDatabase()
  const older = await startBed({ database, services: [First, Stock, Payment, Shipping] })
  const plugins = () => [outbox(memoryStore({ database })), sagas()]
  const newer = await harness({ name: 'newer', services: [Second, Stock, Payment, Shipping], beside: older.shop, plugins, log: false })
  for (let n = 0; n < 4; n++) await older.shop.app.publish(new Wanted({ orderId: `o-${n}` }))
  await newer.settled()
  await newer.stop()

  await older.shop.advance('1h')
  const before = await older.shop.deadLetters('checkout')
  await older.shop.advance('2h')

  const letters = await older.shop.deadLetters('checkout')
  expect([before.length, letters.length > 0]).toEqual([0, true])
  expect(letters[0]).toMatchObject({ message: expect.stringContaining('was started with version 2, which this app does not have') })
})
