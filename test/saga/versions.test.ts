import { ConfigError } from '@waybill/core'
import { Saga, startedBy } from '@waybill/saga'
import { memoryDatabase } from '@waybill/store-memory'
import { expect, test } from 'vitest'
import { startBed } from './bed.js'
import {
  CardCharged,
  CardDeclined,
  ChargeCard,
  Checkout,
  OrderConfirmed,
  OrderPlaced,
  OrderRejected,
  OrderShipped,
  Payment,
  ReserveStock,
  ShipOrder,
  Shipping,
  Stock,
  StockReserved,
} from './shop.js'

const placed = new OrderPlaced({ orderId: 'o-1', total: 5 })
const ends = {
  completed: [OrderConfirmed, ({ orderId }: { orderId: string }) => ({ orderId, charge: 'second' })],
  compensated: [OrderRejected, ({ orderId = '' }: { orderId?: string }) => ({ orderId, code: '', reason: '' })],
} as const

@Saga('checkout', { version: 2, earlier: [Checkout] })
class Second {
  readonly flow = startedBy(OrderPlaced, { id: (order) => order.orderId, state: ({ orderId }) => ({ orderId }) })
    .pivot('ship', (step) => step.send(ShipOrder, (s) => s).done(OrderShipped))
    .ends(ends)
}

@Saga('checkout', { version: 2 })
class Forgetful {
  readonly flow = startedBy(OrderPlaced, { id: (order) => order.orderId, state: ({ orderId }) => ({ orderId }) })
    .pivot('ship', (step) => step.send(ShipOrder, (s) => s).done(OrderShipped))
    .ends(ends)
}

@Saga('checkout', { version: 2, migrate: { 1: (state: { orderId: string; total: number }) => ({ orderId: state.orderId, cents: state.total * 100 }) } })
class Moved {
  readonly flow = startedBy(OrderPlaced, { id: (order) => order.orderId, state: ({ orderId, total }) => ({ orderId, cents: total }) })
    .pivot('reserve', (step) => step.send(ReserveStock, ({ orderId }) => ({ orderId })).done(StockReserved))
    .ends({ ...ends, completed: [OrderConfirmed, ({ orderId, cents }) => ({ orderId, charge: `${cents}` })] })
}

/** A database with a saga of version 1 that waits. */
async function withOneOpen() {
  const database = memoryDatabase()
  const { shop, script } = await startBed({ database })
  script.fail('break reserve o-1')
  await shop.when(placed)
  await shop.stop()

  return database
}

test('G7 a saga that runs keeps the version it was started with; new ones get the new one', async () => {
  const database = await withOneOpen()

  const { shop, status, sagas } = await startBed({ database, seed: 2, services: [Second, Stock, Payment, Shipping] })
  await shop.when(new OrderPlaced({ orderId: 'o-2', total: 5 }))
  await shop.advance('1m')
  await shop.settled({ within: '5m' })

  expect([await status('o-1'), await status('o-2')]).toEqual(['completed', 'completed'])
  expect((await sagas.list()).map(({ id, version }) => `${id} ${version}`).sort()).toEqual(['o-1 1', 'o-2 2'])
  expect(
    shop
      .published(OrderConfirmed)
      .map(({ charge }) => charge)
      .sort(),
  ).toEqual(['c-o-1', 'second'])
})

test('G7 a definition that is missing for sagas that run is an error at start', async () => {
  const database = await withOneOpen()

  const start = startBed({ database, services: [Forgetful, Shipping] })

  await expect(start).rejects.toThrow(ConfigError)
  await expect(start).rejects.toMatchObject({ code: 'MISSING_DEFINITION', message: expect.stringContaining('1 saga "checkout" that is not over was started with version 1') })
})

test('a saga is brought up to the next version where the flow says how', async () => {
  const database = await withOneOpen()

  const { shop, status, kinds } = await startBed({ database, services: [Moved, Stock] })
  await shop.advance('1m')
  await shop.settled({ within: '5m' })

  expect([await status('o-1'), shop.published(OrderConfirmed)]).toMatchObject(['completed', [{ charge: '500' }]])
  expect(await kinds('o-1')).toContain('migrated')
})

test('an operator brings a saga up to the next version before anything happens to it, and it stands in its history', async () => {
  const database = await withOneOpen()
  const { sagas, kinds } = await startBed({ database, services: [Moved, Stock] })

  const isCurrent = await sagas.migrate('checkout', 'o-1')

  expect([isCurrent, (await sagas.get('checkout', 'o-1'))?.version, (await kinds('o-1')).at(-1)]).toEqual([true, 2, 'migrated'])
  expect(await sagas.migrate('checkout', 'nobody')).toBe(false)
})

/** Version 1 without its first step. */
function shortened(options: Partial<Parameters<typeof Saga>[1]>) {
  @Saga('checkout', { version: 2, migrate: { 1: (state: object) => state }, ...options })
  class Shortened {
    readonly flow = startedBy(OrderPlaced, { id: (order) => order.orderId, state: ({ orderId, total }) => ({ orderId, total }) })
      .pivot('charge', (step) =>
        step
          .send(ChargeCard, ({ orderId, total }) => ({ orderId, amount: total }))
          .done(CardCharged, ({ charge }) => ({ charge }))
          .refused(CardDeclined),
      )
      .ends({ ...ends, completed: [OrderConfirmed, ({ orderId, charge }) => ({ orderId, charge })] })
  }

  return Shortened
}

/** A database with a saga of version 1 that has reserved, and waits to charge. */
async function withOneReserved() {
  const database = memoryDatabase()
  const { shop, script } = await startBed({ database })
  script.fail('break charge o-1')
  await shop.when(placed)
  await shop.stop()

  return database
}

test('a saga keeps its version where the next one lacks a step that it has done: it would never be undone', async () => {
  const database = await withOneReserved()
  const { shop, script, sagas, status, books } = await startBed({ database, services: [shortened({ earlier: [Checkout] }), Stock, Payment, Shipping] })
  script.fail('refuse charge o-1')

  const isMoved = await sagas.migrate('checkout', 'o-1')
  await shop.advance('1m')
  await shop.settled({ within: '5m' })

  expect([isMoved, await status('o-1'), books()]).toEqual([false, 'compensated', [0]])
})

test('G7 a saga that cannot be brought up, because the flow lacks a step that it has done, is an error at start', async () => {
  const database = await withOneReserved()

  await expect(startBed({ database, services: [shortened({}), Stock, Payment, Shipping] })).rejects.toMatchObject({
    faults: [{ code: 'MISSING_DEFINITION', message: expect.stringContaining('1 saga "checkout" that is not over was started with version 1, and has begun the step "reserve"') }],
  })
})

test('G9 a saga that is over is nothing to act on, also where the code of its version is gone', async () => {
  const database = memoryDatabase()
  const first = await startBed({ database })
  await first.shop.when(placed)
  await first.shop.settled({ within: '1m' })
  await first.shop.stop()
  const { sagas, status } = await startBed({ database, services: [Forgetful, Shipping] })

  expect([await sagas.cancel('checkout', 'o-1', 'too late'), await status('o-1')]).toEqual([false, 'completed'])
})

test.each([
  [3, { 1: (state: object) => state }],
  [2, { 1: (state: object) => state, 2: (state: object) => state }],
])('a migrate that leads to no version is a fault at start, as with version %i', async (version, migrate) => {
  await expect(startBed({ services: [shortened({ version, migrate }), Payment] })).rejects.toMatchObject({
    faults: [{ code: 'SAGA_VERSION', message: expect.stringMatching(/"migrate" brings sagas of version \d to version \d, which is neither/) }],
  })
})
