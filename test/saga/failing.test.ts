import { Listener, Publisher, Service } from '@waybill/core'
import { Saga, SagaStuck, startedBy } from '@waybill/saga'
import { expect, test } from 'vitest'
import { startBed } from './bed.js'
import {
  CardCharged,
  ChargeCard,
  Checkout,
  OrderCancelled,
  OrderConfirmed,
  OrderPlaced,
  OrderRejected,
  OrderShipped,
  Payment,
  ReleaseStock,
  ReserveStock,
  ShipOrder,
  Shipping,
  Stock,
  StockRejected,
  StockReserved,
} from './shop.js'

const placed = new OrderPlaced({ orderId: 'o-1', total: 5 })

@Service('releases')
class Releases {
  @Listener(ReleaseStock)
  release(): void {}
}

test('G5 timers survive a crash, and what they do is done once', async () => {
  const { shop, script, status, books } = await startBed()
  script.fail('mute reserve o-1')

  await shop.when(placed)
  shop.faults.crash({ downFor: '10s' })
  await shop.advance('45s')
  await shop.settled({ within: '1m' })

  expect([await status('o-1'), books()]).toEqual(['compensated', [0]])
  expect(script.runs).toEqual(['reserve o-1', 'release o-1'])
})

test.each(['29999ms', '30s', '30001ms'] as const)('G5 of a time-out after 30s and a reply after %s exactly one wins', async (time) => {
  @Service('slow')
  class Slow {
    @Listener(ReserveStock, { transaction: false })
    @Publisher(StockReserved, StockRejected)
    async reserve({ orderId }: ReserveStock): Promise<StockReserved> {
      await bed.shop.sleep(time)

      return new StockReserved({ orderId, reservation: 'r' })
    }
  }
  const bed = await startBed({ services: [Checkout, Slow, Payment, Shipping, Releases] })

  await bed.shop.when(placed)
  await bed.shop.advance('40s')
  await bed.shop.settled({ within: '1m' })
  const ends = [bed.shop.published(OrderConfirmed).length, bed.shop.published(OrderRejected).length]

  expect([
    ['completed', 1, 0],
    ['compensated', 0, 1],
  ]).toContainEqual([await bed.status('o-1'), ...ends])
  expect(bed.shop.published(ReleaseStock)).toHaveLength(ends[1] ?? 0)
})

test('G6 an undo that fails five times is stuck with an alarm, goes on after a crash at that step, and ends', async () => {
  const { shop, script, status, books, sagas: operator, kinds } = await startBed()
  script.fail('refuse charge o-1')
  script.fail('break release o-1', 6)

  await shop.when(placed)
  await shop.advance('40s')
  const before = [await status('o-1'), (await operator.stuck()).map(({ id, step }) => `${id} ${step}`), shop.published(SagaStuck).length]
  shop.faults.crash({ downFor: '1s' })
  await shop.advance('5m')
  await shop.settled({ within: '5m' })

  expect(before).toEqual(['stuck', ['o-1 reserve'], 1])
  expect([await status('o-1'), books()]).toEqual(['compensated', [0]])
  expect((await kinds('o-1')).filter((kind) => kind === 'failed reserve')).toHaveLength(6)
})

test('behind the pivot a step is tried until it succeeds, with an alarm meanwhile', async () => {
  const { shop, script, status } = await startBed()
  script.fail('break ship o-1', 5)

  await shop.when(placed)
  await shop.advance('3s')
  const before = await status('o-1')
  await shop.advance('10s')
  await shop.settled({ within: '1m' })

  expect([before, await status('o-1')]).toEqual(['stuck', 'completed'])
})

test('behind the pivot nothing undoes a saga any more: no cancel, no operator and no deadline, which raises an alarm', async () => {
  @Saga('checkout', { version: 1, deadline: '1m' })
  class Forward {
    readonly flow = startedBy(OrderPlaced, { id: (order) => order.orderId, state: ({ orderId, total }) => ({ orderId, total }) })
      .cancelledBy(OrderCancelled, (event) => event.orderId)
      .step('reserve', (step) =>
        step
          .send(ReserveStock, ({ orderId }) => ({ orderId }))
          .done(StockReserved)
          .undo(ReleaseStock, ({ orderId }) => ({ orderId })),
      )
      .pivot('charge', (step) => step.send(ChargeCard, ({ orderId, total }) => ({ orderId, amount: total })).done(CardCharged))
      .step('ship', (step) =>
        step
          .send(ShipOrder, ({ orderId }) => ({ orderId }))
          .done(OrderShipped)
          .retry({ attempts: 9, backoff: ['30s'] }),
      )
      .ends({ completed: [OrderConfirmed, (s) => ({ orderId: s.orderId, charge: '' })], compensated: [OrderRejected, () => ({ orderId: 'o-1', code: '', reason: '' })] })
  }
  const { shop, script, sagas, status, kinds, books } = await startBed({ services: [Forward, Stock, Payment, Shipping] })
  script.fail('break ship o-1', 3)

  await shop.when(placed)
  await shop.when(new OrderCancelled({ orderId: 'o-1' }))
  const isTurned = await sagas.compensate('checkout', 'o-1', 'the customer called')
  await shop.advance('61s')
  const late = await status('o-1')
  await shop.advance('1m')

  expect([isTurned, late, shop.published(SagaStuck).length, await status('o-1'), books()]).toEqual([false, 'stuck', 1, 'completed', [1, 1, 1]])
  expect(await kinds('o-1')).toContain('cancelled too late, ignored')
})

test('the deadline undoes what is under way', async () => {
  @Service('deaf')
  class Deaf {
    @Listener(ReserveStock)
    @Publisher(StockReserved)
    async reserve(): Promise<StockReserved | undefined> {
      return undefined
    }
  }
  @Saga('checkout', { version: 1, deadline: '1m' })
  class Patient {
    readonly flow = startedBy(OrderPlaced, { id: (order) => order.orderId, state: ({ orderId }) => ({ orderId }) })
      .step('reserve', (step) =>
        step
          .send(ReserveStock, (s) => s)
          .done(StockReserved)
          .noUndo(),
      )
      .ends({ completed: [OrderConfirmed, (s) => ({ ...s, charge: '' })], compensated: [OrderRejected, (_, why) => ({ orderId: 'o-1', code: why.code, reason: why.message })] })
  }
  const { shop, status } = await startBed({ services: [Patient, Deaf] })

  await shop.when(placed)
  await shop.advance('61s')

  expect([await status('o-1'), shop.published(OrderRejected)]).toMatchObject(['compensated', [{ code: 'DEADLINE' }]])
})
