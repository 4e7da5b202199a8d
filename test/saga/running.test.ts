import { expect, test } from 'vitest'
import { startBed } from './bed.js'
import { ChargeCard, OrderCancelled, OrderConfirmed, OrderPlaced, OrderRejected, RefundCard, ReleaseStock, ReserveStock } from './shop.js'

const placed = new OrderPlaced({ orderId: 'o-1', total: 5 })

test('a saga runs step after step, knows what its steps learned, and ends completed', async () => {
  const { shop, status, kinds, sagas } = await startBed()

  await shop.when(placed)
  await shop.settled({ within: '1m' })

  expect(shop.published(OrderConfirmed)).toMatchObject([{ orderId: 'o-1', charge: 'c-o-1' }])
  expect(await status('o-1')).toBe('completed')
  expect(await kinds('o-1')).toEqual(['started', 'sent reserve', 'done reserve', 'sent charge', 'done charge', 'sent ship', 'done ship', 'completed'])
  expect((await sagas.get('checkout', 'o-1'))?.timers).toEqual([])
})

test('a step that is refused undoes what was done, in reverse order, and ends compensated', async () => {
  const { shop, script, status, books } = await startBed()
  script.fail('refuse charge o-1')

  await shop.when(placed)
  await shop.settled({ within: '1m' })

  expect(shop.published(OrderRejected)).toMatchObject([{ orderId: 'o-1', code: 'REFUSED', reason: 'declined' }])
  expect([await status('o-1'), books()]).toEqual(['compensated', [0]])
  expect(script.runs).toEqual(['reserve o-1', 'charge o-1', 'release o-1'])
})

test('a technical failure sends the same command again, under the same id', async () => {
  const { shop, script, status, sagas } = await startBed()
  script.fail('break charge o-1', 2)

  await shop.when(placed)
  await shop.settled({ within: '1m' })
  await shop.advance('5s')
  await shop.settled({ within: '1m' })

  expect(await status('o-1')).toBe('completed')
  expect(script.runs.filter((run) => run === 'charge o-1')).toHaveLength(3)
  const ids = (await sagas.timeline('checkout', 'o-1')).filter(({ kind, step }) => kind === 'sent' && step === 'charge').map(({ commandId }) => commandId)
  expect([ids.length, new Set(ids).size]).toEqual([3, 1])
})

test('a failure that no try mends undoes everything', async () => {
  const { shop, script, status, books } = await startBed()
  script.fail('break charge o-1', 9)

  await shop.when(placed)
  await shop.advance('10s')
  await shop.settled({ within: '2m' })

  expect([await status('o-1'), books()]).toEqual(['compensated', [0]])
  expect(shop.published(OrderRejected)).toMatchObject([{ code: 'FAILED' }])
})

test('a time-out undoes also the step that nobody answered: it may have happened', async () => {
  const { shop, script, status, books } = await startBed()
  script.fail('mute reserve o-1')

  await shop.when(placed)
  await shop.advance('31s')
  await shop.settled({ within: '1m' })

  expect(script.runs).toEqual(['reserve o-1', 'release o-1'])
  expect([await status('o-1'), books()]).toEqual(['compensated', [0]])
  expect(shop.published(OrderRejected)).toMatchObject([{ code: 'TIMEOUT' }])
})

test('G1 a start message that comes twice starts one saga', async () => {
  const { shop, script, kinds } = await startBed()

  await shop.when(placed)
  await shop.when(placed)
  await shop.settled({ within: '1m' })

  expect(script.runs).toEqual(['reserve o-1', 'charge o-1', 'ship o-1'])
  expect((await kinds('o-1')).at(-1)).toBe('started again, ignored')
})

test('a cancel undoes what was done so far', async () => {
  const { shop, script, status, books } = await startBed()
  script.fail('break charge o-1', 1)

  await shop.when(placed)
  await shop.when(new OrderCancelled({ orderId: 'o-1' }))
  await shop.settled({ within: '1m' })

  expect([await status('o-1'), books()]).toEqual(['compensated', [0]])
  expect(shop.published(OrderRejected)).toMatchObject([{ code: 'CANCELLED' }])
  expect([shop.published(ReserveStock).length, shop.published(ReleaseStock).length, shop.published(ChargeCard).length]).toEqual([1, 1, 1])
  expect(shop.published(RefundCard)).toEqual([])
})

test('G9 what comes after the end changes nothing and starts nothing, and stands in the history', async () => {
  const { shop, kinds, status } = await startBed()
  await shop.when(placed)
  await shop.settled({ within: '1m' })

  await shop.when(new OrderCancelled({ orderId: 'o-1' }))
  await shop.when(placed)
  await shop.settled({ within: '1m' })

  expect(await status('o-1')).toBe('completed')
  expect((await kinds('o-1')).slice(-2)).toEqual(['cancelled too late, ignored', 'started again, ignored'])
})

test('a cancel of a saga that never started is kept as a dead letter', async () => {
  const { shop } = await startBed()

  await shop.when(new OrderCancelled({ orderId: 'nobody' }))
  await shop.advance('10m')

  expect(await shop.deadLetters('checkout')).toHaveLength(1)
})
