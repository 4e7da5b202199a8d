import { Listener, Publisher, Service } from '@waybill/core'
import { Saga, SagaStuck, startedBy } from '@waybill/saga'
import { expect, test } from 'vitest'
import { startBed } from './bed.js'
import { Both } from './both.js'
import {
  CardCharged,
  CardDeclined,
  ChargeCard,
  OrderConfirmed,
  OrderPlaced,
  OrderRejected,
  OrderShipped,
  Payment,
  RefundCard,
  ReleaseStock,
  ReserveStock,
  ShipOrder,
  Stock,
  StockReserved,
} from './shop.js'

const placed = new OrderPlaced({ orderId: 'o-1', total: 5 })

test('G3 two replies at once are both applied, and what follows them happens once', async () => {
  const { shop, kinds } = await startBed({ services: [Both, Stock, Payment] })

  await shop.when(placed)
  await shop.settled({ within: '1m' })

  expect(shop.published(OrderConfirmed)).toMatchObject([{ charge: 'c-o-1 r-o-1' }])
  expect((await kinds('o-1')).filter((kind) => kind === 'skipped nothing' || kind === 'completed')).toEqual(['skipped nothing', 'completed'])
})

test('steps side by side wait for each other before any of them is undone', async () => {
  @Service('slow')
  class Slow {
    @Listener(ChargeCard, { transaction: false })
    @Publisher(CardCharged, CardDeclined)
    async charge({ orderId }: ChargeCard): Promise<CardCharged> {
      await bed.shop.sleep('20s')

      return new CardCharged({ orderId, charge: `c-${orderId}` })
    }

    @Listener(RefundCard)
    refund({ charge }: RefundCard): void {
      refunds.push(charge)
    }
  }
  const refunds: string[] = []
  const bed = await startBed({ services: [Both, Stock, Slow] })
  bed.script.fail('refuse reserve o-1')

  await bed.shop.when(placed)
  await bed.shop.advance('10s')
  const before = [await bed.status('o-1'), ...refunds]
  await bed.shop.advance('11s')
  await bed.shop.settled({ within: '1m' })

  expect([before, refunds, await bed.status('o-1')]).toEqual([['compensating'], ['c-o-1'], 'compensated'])
})

test('G6 a saga stays stuck at the undo that keeps failing, whatever the steps beside it answer, and says so once', async () => {
  @Saga('checkout', { version: 1 })
  class Refused {
    readonly flow = startedBy(OrderPlaced, { id: (order) => order.orderId, state: ({ orderId, total }) => ({ orderId, total }) })
      .together({
        reserve: (step) =>
          step
            .send(ReserveStock, ({ orderId }) => ({ orderId }))
            .done(StockReserved)
            .undo(ReleaseStock, ({ orderId }) => ({ orderId })),
        charge: (step) =>
          step
            .send(ChargeCard, ({ orderId, total }) => ({ orderId, amount: total }))
            .done(CardCharged, ({ charge }) => ({ charge }))
            .undo(RefundCard, ({ orderId, charge }) => ({ orderId, charge })),
      })
      .pivot('ship', (step) =>
        step
          .send(ShipOrder, ({ orderId }) => ({ orderId }))
          .done(OrderShipped)
          .refused(CardDeclined),
      )
      .ends({
        completed: [OrderConfirmed, ({ orderId, charge }) => ({ orderId, charge })],
        compensated: [OrderRejected, ({ orderId = '' }, { code, message }) => ({ orderId, code, reason: message })],
      })
  }
  @Service('slow')
  class Slow {
    @Listener(ChargeCard)
    @Publisher(CardCharged)
    async charge({ orderId }: ChargeCard): Promise<CardCharged> {
      return new CardCharged({ orderId, charge: 'c' })
    }

    @Listener(RefundCard, { transaction: false })
    async refund(): Promise<void> {
      await bed.shop.sleep('20s')
    }

    @Listener(ShipOrder)
    @Publisher(OrderShipped, CardDeclined)
    async ship({ orderId }: ShipOrder): Promise<CardDeclined> {
      return new CardDeclined({ orderId })
    }
  }
  const bed = await startBed({ services: [Refused, Stock, Slow] })
  bed.script.fail('break release o-1', 6)

  await bed.shop.when(placed)
  await bed.shop.advance('18s')
  const before = await bed.status('o-1')
  await bed.shop.advance('5s')
  const beside = [await bed.status('o-1'), (await bed.kinds('o-1')).includes('undone charge')]
  await bed.shop.advance('5m')

  expect([before, beside, await bed.status('o-1')]).toEqual(['stuck', ['stuck', true], 'compensated'])
  expect(bed.shop.published(SagaStuck)).toHaveLength(1)
})
