// What users write as sagas. It compiles.

import { createApp, Event } from '@waybill/core'
import type { App, Transport } from '@waybill/core'
import { Saga, sagas, startedBy } from '@waybill/saga'
import { z } from 'zod'
import { CardCharged, CardDeclined, ChargeCard, OrderCancelled, OrderConfirmed, OrderPlaced, OrderRejected, ReleaseStock, ReserveStock, StockRejected, StockReserved } from './shop.js'

@Saga('checkout', { version: 1, deadline: '15m' })
export class Checkout {
  readonly flow = startedBy(OrderPlaced, {
    id: (order) => order.orderId,
    state: ({ orderId, lines, total }) => ({ orderId, lines: [...lines], total }),
  })
    .cancelledBy(OrderCancelled, (event) => event.orderId)
    .step('reserve', (step) =>
      step
        .send(ReserveStock, (s) => ({ orderId: s.orderId, lines: s.lines }))
        .done(StockReserved, (reply) => ({ reservation: reply.reservation }))
        .refused(StockRejected, (reply) => reply.reason)
        .undo(ReleaseStock, (s) => ({ reservation: s.reservation }))
        .within('30s', 'undo'),
    )
    .pivot('charge', (step) =>
      step
        .send(ChargeCard, (s) => ({ orderId: s.orderId, amount: s.total }))
        .done(CardCharged, (reply) => ({ charge: reply.charge }))
        .refused(CardDeclined),
    )
    .ends({
      completed: [OrderConfirmed, (s) => ({ orderId: s.orderId, charge: s.charge })],
      compensated: [OrderRejected, (s, why) => ({ orderId: s.orderId ?? '', reason: why.message })],
    })
}

export class CardAccepted extends Event('payment.accepted', { payload: z.object({ orderId: z.string(), token: z.string() }) }) {}

@Saga('long', { version: 2, earlier: [Checkout], migrate: { 1: (state: { orderId: string }) => ({ ...state, more: 1 }) } })
export class Long {
  readonly flow = startedBy(OrderPlaced, { id: (order) => order.orderId, state: ({ orderId, total }) => ({ orderId, total }) })
    .stepIf('large', (s) => s.total > 100, (step) => step.send(ReserveStock, (s) => ({ orderId: s.orderId, lines: [] })).done(StockReserved, (reply) => ({ reservation: reply.reservation })).noUndo())
    .together({
      charge: (step) =>
        step
          .send(ChargeCard, (s) => ({ orderId: s.orderId, amount: s.total }))
          .done(CardCharged, (reply) => ({ charge: reply.charge }))
          .done(CardAccepted, (reply) => ({ token: reply.token }))
          .noUndo(),
      reserve: (step) => step.send(ReserveStock, (s) => ({ orderId: s.orderId, lines: [] })).done(StockReserved, (reply) => ({ second: reply.reservation })).noUndo().retry({ attempts: 3 }),
    })
    .pivot('sure', (step) => step.send(ReleaseStock, (s) => ({ reservation: s.reservation ?? s.second })))
    .step('after', (step) => step.send(ReleaseStock, (s) => ({ reservation: 'charge' in s ? s.charge : s.token })).within('3s'))
    .ends({
      completed: [OrderConfirmed, (s) => ({ orderId: s.orderId, charge: s.second })],
      compensated: [OrderRejected, (s, why) => ({ orderId: s.orderId ?? why.step, reason: why.code })],
    })
}

export async function main(transport: Transport): Promise<App> {
  const plugin = sagas()
  const app = createApp({ name: 'shop', services: [Checkout], transport, plugins: [plugin] })
  await app.start()
  const [view] = await plugin.list({ status: 'stuck', idle: '5m' })
  if (view) await plugin.compensate(view.name, view.id, 'the customer called')
  return app
}
