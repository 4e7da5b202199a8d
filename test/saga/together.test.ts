import { Listener, Publisher, Service } from '@waybill/core'
import { expect, test } from 'vitest'
import { startBed } from './bed.js'
import { Both } from './both.js'
import { CardCharged, CardDeclined, ChargeCard, OrderConfirmed, OrderPlaced, Payment, RefundCard, Stock } from './shop.js'

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
