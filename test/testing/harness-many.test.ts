import { harness } from '@waybill/testing'
import { expect, test } from 'vitest'
import { OrderPlaced, Orders, PlaceOrder, Stock, StockReserved } from './harness-shop.js'

test('fifty tests of the same services, each with an hour in it, know nothing of each other', async () => {
  for (let seed = 0; seed < 50; seed++) {
    await using shop = await harness({ services: [Orders, Stock], seed })
    await shop.when(new PlaceOrder({ orderId: 'o-1', quantity: 2 }))
    await shop.when(new PlaceOrder({ orderId: 'o-2', quantity: 20 }))
    await shop.advance('1h')

    expect(shop.published(OrderPlaced)).toHaveLength(2)
    expect(shop.published(StockReserved)).toHaveLength(1)
    expect(await shop.deadLetters('stock')).toHaveLength(1)
  }
})
