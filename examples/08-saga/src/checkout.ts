import { Saga, startedBy } from '@waybill/saga'
import { CardCharged, CardDeclined, ChargeCard, OrderConfirmed, OrderPlaced, OrderRejected, ReleaseStock, ReserveStock, StockReserved } from './messages.js'

@Saga('checkout', { version: 1, deadline: '15m' })
export class Checkout {
  readonly flow = startedBy(OrderPlaced, { id: (order) => order.orderId, state: ({ orderId }) => ({ orderId }) })
    .step('reserve', (step) =>
      step
        .send(ReserveStock, ({ orderId }) => ({ orderId }))
        .done(StockReserved, ({ shelf }) => ({ shelf }))
        .undo(ReleaseStock, ({ orderId, shelf }) => ({ orderId, shelf }))
        .within('30s', 'undo'),
    )
    .pivot('charge', (step) =>
      step
        .send(ChargeCard, ({ orderId }) => ({ orderId }))
        .done(CardCharged)
        .refused(CardDeclined, () => 'the card was declined'),
    )
    .ends({
      completed: [OrderConfirmed, ({ orderId }) => ({ orderId })],
      compensated: [OrderRejected, ({ orderId = '' }, why) => ({ orderId, reason: why.message })],
    })
}
