import { type Outbox, outbox } from '@waybill/outbox'
import { type Sagas, sagas } from '@waybill/saga'
import { memoryStore } from '@waybill/store-memory'
import { type Harness, harness } from '@waybill/testing'
import { expect, onTestFinished, test } from 'vitest'
import { Checkout, OrderPlaced, Payment, Script, script, Shipping, Stock } from './shop.js'

interface Waiting {
  readonly shop: Harness
  readonly box: Outbox
  readonly operator: Sagas
}

/** Two orders whose stock never answers. */
async function twoWaiting(): Promise<Waiting> {
  script.current = new Script()
  for (const orderId of ['o-1', 'o-2']) script.current.fail(`mute reserve ${orderId}`)
  const [box, operator] = [outbox(memoryStore()), sagas()]
  const shop = await harness({ services: [Checkout, Stock, Payment, Shipping], plugins: [box, operator], log: false })
  onTestFinished(() => shop.stop())
  for (const orderId of ['o-1', 'o-2']) await shop.when(new OrderPlaced({ orderId, total: 5 }))

  return { shop, box, operator }
}

test('the timers of sagas are listed by saga, by key and by step', async () => {
  const { box } = await twoWaiting()
  const ids = async (filter: Parameters<Outbox['timers']>[0]): Promise<readonly string[]> => (await box.timers(filter)).map(({ id }) => id)

  expect(await ids({ target: 'saga.checkout' })).toEqual(['checkout/o-1/do/reserve', 'checkout/o-2/do/reserve', 'checkout/o-1/deadline', 'checkout/o-2/deadline'])
  expect(await ids({ target: 'saga.checkout', subject: 'o-2' })).toEqual(['checkout/o-2/do/reserve', 'checkout/o-2/deadline'])
  expect(await ids({ subject: 'nobody' })).toEqual([])
})

test('G5 a timer of a step that was moved fires at its new moment, and one that was cancelled never', async () => {
  const { shop, box, operator } = await twoWaiting()

  const changed = [await box.moveTimer('checkout/o-1/do/reserve', '1m'), await box.cancelTimer('checkout/o-2/do/reserve'), await box.cancelTimer('checkout/o-2/do/nothing')]
  await shop.advance('89s')
  const before = (await operator.list()).map(({ status }) => status)
  await shop.advance('2s')

  expect([changed, before]).toEqual([
    [true, true, false],
    ['running', 'running'],
  ])
  expect((await operator.list()).map(({ id, status }) => [id, status]).sort()).toEqual([
    ['o-1', 'compensated'],
    ['o-2', 'running'],
  ])
})
