import { expect, test } from 'vitest'
import { startBed } from './bed.js'
import { OrderConfirmed, OrderPlaced, OrderRejected } from './shop.js'

const placed = new OrderPlaced({ orderId: 'o-1', total: 5 })

test('an operator lists sagas by status, step and age, and looks at one', async () => {
  const { shop, script, sagas } = await startBed()
  script.fail('break charge o-1')
  await shop.when(placed)
  await shop.when(new OrderPlaced({ orderId: 'o-2', total: 5 }))

  const running = await sagas.list({ status: 'running', step: 'charge' })
  const idle = await sagas.list({ idle: '1h' })
  const one = await sagas.get('checkout', 'o-1')

  expect([running.map(({ id }) => id), idle, (await sagas.list({ limit: 1 })).length, (await sagas.list({ after: running[0] as (typeof running)[number] })).length]).toEqual([
    ['o-1'],
    [],
    1,
    1,
  ])
  expect(one).toMatchObject({
    status: 'running',
    state: { orderId: 'o-1', reservation: 'r-o-1' },
    steps: [
      { step: 'reserve', status: 'done' },
      { step: 'charge', status: 'waiting', error: { code: 'FAILED' } },
    ],
  })
  expect(one?.timers.map(({ id }) => id)).toEqual(['checkout/o-1/do/charge', 'checkout/o-1/deadline'])
  expect(await sagas.get('checkout', 'nobody')).toBeUndefined()
})

test('an operator retries at once what waits', async () => {
  const { shop, script, sagas, status } = await startBed()
  script.fail('break ship o-1')
  await shop.when(placed)

  await sagas.retry('checkout', 'o-1')
  await shop.settled()
  await shop.advance('300ms')

  expect(await status('o-1')).toBe('completed')
})

test('an operator retries one step of those that wait', async () => {
  const { shop, script, sagas, kinds } = await startBed()
  script.fail('break ship o-1')
  await shop.when(placed)

  await sagas.retry('checkout', 'o-1', 'ship')
  await shop.settled()

  expect((await kinds('o-1')).slice(-4)).toEqual(['retried by an operator ship', 'sent ship', 'done ship', 'completed'])
  script.fail('break charge o-2')
  await shop.when(new OrderPlaced({ orderId: 'o-2', total: 5 }))
  await expect(sagas.retry('checkout', 'o-2', 'ship')).rejects.toMatchObject({ code: 'STEP_NOT_OPEN' })
})

test('an operator finds the sagas of a key, whatever their name', async () => {
  const { shop, sagas } = await startBed()
  for (const orderId of ['o-1', 'o-2']) await shop.when(new OrderPlaced({ orderId, total: 5 }))

  expect((await sagas.list({ id: 'o-2' })).map(({ name, id }) => [name, id])).toEqual([['checkout', 'o-2']])
})

test('an operator skips a step with what it would have told', async () => {
  const { shop, script, sagas } = await startBed()
  script.fail('break charge o-1')
  await shop.when(placed)

  await sagas.skip('checkout', 'o-1', 'charge', { charge: 'by hand' })
  await shop.settled({ within: '1m' })

  expect(shop.published(OrderConfirmed)).toMatchObject([{ charge: 'by hand' }])
  await expect(sagas.skip('checkout', 'o-1', 'chrage')).resolves.toBe(false)
})

test('an operator skips an undo that he did by hand', async () => {
  const { shop, script, sagas, status } = await startBed()
  script.fail('refuse charge o-1')
  script.fail('break release o-1', 99)
  await shop.when(placed)
  await shop.advance('1m')
  const before = await status('o-1')

  await sagas.skip('checkout', 'o-1', 'reserve')
  await shop.settled({ within: '1m' })

  expect([before, await status('o-1'), (await sagas.get('checkout', 'o-1'))?.timers]).toEqual(['stuck', 'compensated', []])
})

test('an operator compensates, patches and cancels, and all of it stands in the history with its reason', async () => {
  const { shop, script, sagas, status, kinds, books } = await startBed()
  script.fail('break charge o-1')
  await shop.when(placed)

  await sagas.patch('checkout', 'o-1', (state) => ({ ...state, note: 'called' }), 'the customer called')
  const isTurned = await sagas.compensate('checkout', 'o-1', 'the customer called')
  await shop.advance('1s')
  await shop.settled({ within: '1m' })

  expect([isTurned, await status('o-1'), books()]).toEqual([true, 'compensated', [0]])
  expect((await kinds('o-1')).filter((kind) => kind.includes('operator'))).toEqual(['patched by an operator', 'compensate by an operator'])
  expect(shop.published(OrderRejected)).toMatchObject([{ code: 'OPERATOR', reason: 'the customer called' }])
  expect(await sagas.cancel('checkout', 'o-1', 'again')).toBe(false)
})

test('a saga or a step that is not there is said by name', async () => {
  const { shop, script, sagas } = await startBed()
  script.fail('break charge o-1')
  await shop.when(placed)

  await expect(sagas.retry('chekout', 'o-1')).rejects.toMatchObject({ code: 'NO_SAGA', message: expect.stringContaining('Did you mean "checkout"?') })
  await expect(sagas.skip('checkout', 'o-1', 'chrage')).rejects.toMatchObject({ code: 'UNKNOWN_STEP', message: expect.stringContaining('Did you mean "charge"?') })
  await expect(sagas.skip('checkout', 'o-1', 'reserve')).rejects.toMatchObject({ code: 'STEP_NOT_OPEN' })
  expect(await sagas.retry('checkout', 'nobody')).toBe(false)
})

test('those that ended long ago are purged', async () => {
  const { shop, sagas } = await startBed()
  await shop.when(placed)
  await shop.settled({ within: '1m' })
  await shop.advance('2h')

  expect([await sagas.purge('checkout', '1h'), await sagas.list()]).toEqual([1, []])
})

test('the flow is drawn as Mermaid and told as data', async () => {
  const { sagas } = await startBed()

  expect(sagas.graph('checkout')).toMatchObject({
    startedBy: 'order.placed',
    cancelledBy: ['order.cancelled'],
    stages: [[{ name: 'reserve', undo: 'stock.release', withinMs: 30_000 }], [{ name: 'charge' }], [{ name: 'ship', isPivot: true }]],
  })
  expect(sagas.mermaid('checkout').split('\n')).toEqual([
    'flowchart TD',
    '  start([order.placed])',
    '  s1["reserve: stock.reserve"]',
    '  start --> s1',
    '  s1 -.->|stock.rejected| compensated',
    '  compensated -.- us1["undo: stock.release"]',
    '  s2["charge: payment.charge"]',
    '  s1 --> s2',
    '  s2 -.->|payment.declined| compensated',
    '  compensated -.- us2["undo: payment.refund"]',
    '  s3{{"ship: shipping.ship"}}',
    '  s2 --> s3',
    '  s3 --> completed',
    '  completed([order.confirmed])',
    '  compensated([order.rejected])',
    '',
  ])
})
