import { given } from '@waybill/testing'
import { expect, test } from 'vitest'
import {
  CardCharged,
  CardDeclined,
  ChargeCard,
  Checkout,
  OrderCancelled,
  OrderConfirmed,
  OrderPlaced,
  OrderRejected,
  OrderShipped,
  ReleaseStock,
  ReserveStock,
  ShipOrder,
  StockReserved,
} from '../saga/shop.js'

const orderId = 'o-1'
const placed = new OrderPlaced({ orderId, total: 5 })

test('a saga is tested by itself: a reply comes, a command leaves, and the state is known', async () => {
  await using checkout = given(Checkout)

  await checkout.when(placed).then(new ReserveStock({ orderId }), { orderId })
  await checkout.when(new StockReserved({ orderId, reservation: 'r' })).then(new ChargeCard({ orderId, amount: 5 }), { reservation: 'r' })
  await checkout.when(new CardCharged({ orderId, charge: 'c' })).then(new ShipOrder({ orderId }))
  await checkout.when(new OrderShipped({ orderId })).then(new OrderConfirmed({ orderId, charge: 'c' }))

  expect(await checkout.look()).toMatchObject({ status: 'completed' })
})

test('a refusal, and time that passes, are played as replies are', async () => {
  await using refused = given(Checkout)
  await refused.when(placed).happens()
  await refused.when(new StockReserved({ orderId, reservation: 'r' })).happens()
  refused.sent()
  await refused.when(new CardDeclined({ orderId })).then([new ReleaseStock({ orderId }), new OrderRejected({ orderId, code: 'REFUSED', reason: 'declined' })])

  await using late = given(Checkout)
  await late.when(placed).then(new ReserveStock({ orderId }))
  await late.when('29s').then([])
  await late.when('2s').then([new ReleaseStock({ orderId }), new OrderRejected({ orderId, code: 'TIMEOUT', reason: 'Nobody answered try 1 in time.' })])
})

test('what is expected and does not come is said, with what came', async () => {
  await using checkout = given(Checkout)

  await expect(checkout.when(placed).then(new ShipOrder({ orderId }))).rejects.toThrow(/stock\.reserve.*shipping\.ship|shipping\.ship.*stock\.reserve/s)
  await expect(checkout.when(new StockReserved({ orderId, reservation: 'r' })).then(new ChargeCard({ orderId, amount: 5 }), { reservation: 'other' })).rejects.toThrow(/other/)
})

test('a cancel comes like any other message', async () => {
  await using checkout = given(Checkout)
  await checkout.when(placed).then(new ReserveStock({ orderId }))

  await checkout.when(new OrderCancelled({ orderId })).then([])
  await checkout
    .when(new StockReserved({ orderId, reservation: 'r' }))
    .then([new ReleaseStock({ orderId }), new OrderRejected({ orderId, code: 'CANCELLED', reason: '"order.cancelled" cancelled it.' })])
})

test('a class that is no saga is refused', () => {
  class Other {
    readonly flow = { ends: true } as const
  }

  expect(() => given(Other)).toThrow('given() takes a class marked @Saga whose flow can be read; Other is none.')
})
