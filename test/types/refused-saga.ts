// What the compiler must refuse of sagas. Each expectation is a mistake that a user makes.

import { Saga, sagas, startedBy } from '@waybill/saga'
import { CardCharged, ChargeCard, OrderConfirmed, OrderPlaced, OrderRejected, ReleaseStock, ReserveStock, StockRejected, StockReserved } from './shop.js'

// @ts-expect-error a saga has a flow
@Saga('empty', { version: 1 })
export class Empty {}

const begin = startedBy(OrderPlaced, { id: (order) => order.orderId, state: (order) => ({ orderId: order.orderId }) })

// @ts-expect-error a flow that does not end
@Saga('endless', { version: 1 })
export class Endless {
  readonly flow = begin
}

// @ts-expect-error a Date does not survive the database
export const dateInState = startedBy(OrderPlaced, { id: (order) => order.orderId, state: (order) => ({ at: new Date(order.at) }) })

export const undoTooEarly = begin.step('reserve', (step) =>
  step
    .send(ReserveStock, (s) => ({ orderId: s.orderId, lines: [] }))
    // @ts-expect-error the reservation is only known after the reply
    .undo(ReleaseStock, (s) => ({ reservation: s.reservation })),
)

export const undoAfterPivot = begin
  .pivot('charge', (step) => step.send(ChargeCard, (s) => ({ orderId: s.orderId, amount: 1 })))
  // @ts-expect-error nothing is undone after the pivot
  .step('after', (step) => step.send(ReleaseStock, () => ({ reservation: 'r' })).undo(ReleaseStock, () => ({ reservation: 'r' })))

export const refusedAfterPivot = begin
  .pivot('charge', (step) => step.send(ChargeCard, (s) => ({ orderId: s.orderId, amount: 1 })))
  // @ts-expect-error nothing is refused after the pivot
  .step('after', (step) => step.send(ReleaseStock, () => ({ reservation: 'r' })).refused(StockRejected))

export const undoneLateAfterPivot = begin
  .pivot('charge', (step) => step.send(ChargeCard, (s) => ({ orderId: s.orderId, amount: 1 })))
  // @ts-expect-error a late step is retried after the pivot, not undone
  .step('after', (step) => step.send(ReleaseStock, () => ({ reservation: 'r' })).within('3s', 'undo'))

export const skipped = begin
  .stepIf('maybe', () => false, (step) => step.send(ReserveStock, (s) => ({ orderId: s.orderId, lines: [] })).done(StockReserved, (reply) => ({ reservation: reply.reservation })))
  // @ts-expect-error the step may have been skipped
  .step('use', (step) => step.send(ReleaseStock, (s) => ({ reservation: s.reservation })))

export const parallel = begin.together({
  pay: (step) => step.send(ChargeCard, (s) => ({ orderId: s.orderId, amount: 1 })).done(CardCharged, (reply) => ({ charge: reply.charge })),
  // @ts-expect-error parallel steps do not see each other
  release: (step) => step.send(ReleaseStock, (s) => ({ reservation: s.charge })),
})

// @ts-expect-error an event is not sent to anybody
export const sentEvent = begin.step('tell', (step) => step.send(OrderConfirmed, () => ({ orderId: '', charge: '' })))

// @ts-expect-error nothing follows the end
export const afterEnd = begin.ends({ completed: [OrderConfirmed, (s) => ({ orderId: s.orderId, charge: '' })], compensated: [OrderRejected, () => ({ orderId: '', reason: '' })] }).step

// @ts-expect-error a flow has a version
@Saga('unversioned', {})
export class Unversioned {
  readonly flow = begin.ends({ completed: [OrderConfirmed, (s) => ({ orderId: s.orderId, charge: '' })], compensated: [OrderRejected, () => ({ orderId: '', reason: '' })] })
}

// @ts-expect-error forgetting what a customer paid for needs a reason
void sagas().compensate('checkout', 'o-1')
