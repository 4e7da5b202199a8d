import { Event } from '@waybill/core'
import { type UnknownPolicy, Saga, startedBy } from '@waybill/saga'
import { expect, test } from 'vitest'
import { z } from 'zod'
import { startBed } from './bed.js'
import { OrderConfirmed, OrderPlaced, OrderRejected, ReleaseStock, ReserveStock, Stock, StockReserved } from './shop.js'

/** On a channel of its own, so nothing keeps it behind the start. */
class Withdrawn extends Event('withdrawn', { channel: 'desk', payload: z.object({ orderId: z.string() }) }) {}

function sagaWith(unknown: UnknownPolicy) {
  @Saga('checkout', { version: 1 })
  class Cancelled {
    readonly flow = startedBy(OrderPlaced, { id: (order) => order.orderId, state: ({ orderId }) => ({ orderId }) })
      .cancelledBy(Withdrawn, (event) => event.orderId, { unknown })
      .step('reserve', (step) =>
        step
          .send(ReserveStock, (s) => s)
          .done(StockReserved)
          .undo(ReleaseStock, (s) => s)
          .within('30s', 'undo'),
      )
      .ends({
        completed: [OrderConfirmed, (s) => ({ ...s, charge: '' })],
        compensated: [OrderRejected, ({ orderId = '' }, why) => ({ orderId, code: why.code, reason: why.message })],
      })
  }

  return Cancelled
}

const cancelled = new Withdrawn({ orderId: 'o-1' })
const placed = new OrderPlaced({ orderId: 'o-1', total: 5 })

test('a cancel that overtakes the start waits for it', async () => {
  const { shop, script, books } = await startBed({ services: [sagaWith('wait'), Stock] })
  script.fail('mute reserve o-1')

  await shop.when(cancelled)
  await shop.when(placed)
  await shop.advance('40s')

  expect([shop.published(OrderRejected), await shop.deadLetters('checkout'), books()]).toMatchObject([[{ code: 'CANCELLED' }], [], [0]])
})

test('a cancel of an unknown id is a dead letter at once, where the flow says so', async () => {
  const { shop } = await startBed({ services: [sagaWith('deadLetter'), Stock] })

  await shop.when(cancelled)

  expect(await shop.deadLetters('checkout')).toMatchObject([
    { attempts: 1, message: expect.stringContaining('"withdrawn" cancels the saga "checkout" "o-1", which was not started') },
  ])
})

test('a cancel of an unknown id passes by, where the flow says so', async () => {
  const { shop, status } = await startBed({ services: [sagaWith('ignore'), Stock] })

  await shop.when(cancelled)
  await shop.when(placed)
  await shop.settled({ within: '1m' })

  expect([await status('o-1'), await shop.deadLetters('checkout')]).toEqual(['completed', []])
})

test('a policy that is none is a fault at start', async () => {
  await expect(startBed({ services: [sagaWith('never' as UnknownPolicy), Stock] })).rejects.toMatchObject({
    faults: [{ code: 'UNKNOWN_POLICY', message: expect.stringContaining('"unknown" is "wait", "deadLetter" or "ignore"; found "never"') }],
  })
})
