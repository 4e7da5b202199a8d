import { Saga, startedBy } from '@waybill/saga'
import { CardCharged, CardDeclined, ChargeCard, OrderConfirmed, OrderPlaced, OrderRejected, RefundCard, ReleaseStock, ReserveStock, StockRejected, StockReserved } from './shop.js'

/** A saga whose two steps run side by side. */
@Saga('checkout', { version: 1 })
export class Both {
  readonly flow = startedBy(OrderPlaced, { id: (order) => order.orderId, state: ({ orderId, total }) => ({ orderId, total }) })
    .stepIf(
      'nothing',
      ({ total }) => total > 1_000,
      (step) =>
        step
          .send(ReserveStock, ({ orderId }) => ({ orderId }))
          .done(StockReserved)
          .noUndo(),
    )
    .together({
      reserve: (step) =>
        step
          .send(ReserveStock, ({ orderId }) => ({ orderId }))
          .done(StockReserved, ({ reservation }) => ({ reservation }))
          .refused(StockRejected, ({ reason }) => reason)
          .undo(ReleaseStock, ({ orderId }) => ({ orderId })),
      charge: (step) =>
        step
          .send(ChargeCard, ({ orderId, total }) => ({ orderId, amount: total }))
          .done(CardCharged, ({ charge }) => ({ charge }))
          .refused(CardDeclined)
          .undo(RefundCard, ({ orderId, charge }) => ({ orderId, charge })),
    })
    .ends({
      completed: [OrderConfirmed, ({ orderId, charge, reservation }) => ({ orderId, charge: `${charge} ${reservation}` })],
      compensated: [OrderRejected, ({ orderId = '' }, { code, message }) => ({ orderId, code, reason: message })],
    })
}
