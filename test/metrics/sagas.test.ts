import { type Alert, alerts, metrics } from '@waybill/metrics'
import { outbox } from '@waybill/outbox'
import { sagas } from '@waybill/saga'
import { memoryStore } from '@waybill/store-memory'
import { harness } from '@waybill/testing'
import { expect, test } from 'vitest'
import { Checkout, OrderPlaced, Payment, Script, script, Shipping, Stock } from '../saga/shop.js'
import { seriesOf } from './observed-app.js'

test('sagas that run, turn back, are stuck and end are counted, each once', async () => {
  script.current = new Script()
  script.current.fail('refuse charge o-2')
  script.current.fail('mute reserve o-3', 1)
  script.current.fail('break release o-3', 6)
  const observed = metrics()
  await using shop = await harness({ services: [Checkout, Stock, Payment, Shipping], plugins: [outbox(memoryStore()), sagas(), observed], log: false })
  const value = (name: string, status?: string): Promise<number> => seriesOf(observed, name, { saga: 'checkout', ...(status && { status }) })

  for (const orderId of ['o-1', 'o-2', 'o-3']) await shop.when(new OrderPlaced({ orderId, total: 5 }))
  await shop.advance('10s')
  const before = [await value('waybill_sagas', 'running'), await value('waybill_sagas', 'stuck')]
  await shop.advance('55s')
  const meanwhile = [await value('waybill_sagas', 'running'), await value('waybill_sagas', 'stuck')]
  await shop.advance('1h')

  expect([before, meanwhile]).toEqual([
    [1, 0],
    [0, 1],
  ])
  expect([await value('waybill_sagas_started_total'), await value('waybill_sagas_ended_total', 'completed'), await value('waybill_sagas_ended_total', 'compensated')]).toEqual([
    3, 1, 2,
  ])
  expect([await value('waybill_saga_compensations_total'), await value('waybill_sagas_stuck_total'), await value('waybill_sagas', 'stuck')]).toEqual([2, 1, 0])
})

test('a saga that is stuck raises an alert, and clears it when it goes on', async () => {
  script.current = new Script()
  script.current.fail('mute reserve o-1')
  script.current.fail('break release o-1', 6)
  const told: Alert[] = []
  const watch = alerts({ send: (alert) => void told.push(alert) })
  await using shop = await harness({ services: [Checkout, Stock, Payment, Shipping], plugins: [outbox(memoryStore()), sagas(), watch], log: false })

  await shop.when(new OrderPlaced({ orderId: 'o-1', total: 5 }))
  await shop.advance('10m')

  const about = { rule: 'WaybillSagaStuck', about: 'checkout' }
  expect(told).toMatchObject([
    { ...about, state: 'raised', severity: 'critical', value: 1, limit: 0, text: expect.stringContaining('Of saga "checkout" so many are stuck and wait for a person: 1') },
    { ...about, state: 'cleared' },
  ])
})
