import { expect, test } from 'vitest'
import type { BenchPublisher, Done, Order } from './contender.js'
import { type Load, sendAll, sendPaced } from './load.js'
import { idOf, makeOrder } from './order.js'

test('each caller waits for its answer before it sends again', async () => {
  const publisher = answering(async () => {})

  await sendAll(publisher, { count: 1_000, callers: 7, batch: 1 })

  expect(publisher.ids).toEqual(Array.from({ length: 1_000 }, (_, id) => id))
  expect(publisher.mostOpen).toBe(7)
})

test('callers in another process get the whole load', async () => {
  const report = { latenciesMs: Float64Array.of(1), errors: { count: 0, first: undefined } }
  const loads: Load[] = []
  const publisher = { send: () => {}, sendAll: async (load: Load) => (loads.push(load), report), close: async () => {} }

  const answer = await sendAll(publisher, { count: 1, callers: 1, batch: 1 })

  expect(loads).toEqual([{ count: 1, callers: 1, batch: 1 }])
  expect(answer).toBe(report)
})

test('the last batch is as small as what is left', async () => {
  const publisher = answering(async () => {})

  await sendAll(publisher, { count: 250, callers: 2, batch: 100 })

  expect(publisher.sizes).toEqual([100, 100, 50])
  expect(publisher.ids).toHaveLength(250)
})

test('an answer within the send itself neither recurses nor loses a caller', async () => {
  const ids: number[] = []
  const publisher = { send: (order: Order, done: Done) => (ids.push(order.id), done()), close: async () => {} }

  const report = await sendAll(publisher, { count: 100_000, callers: 3, batch: 1 })

  expect(ids).toHaveLength(100_000)
  expect(report.errors.count).toBe(0)
})

test('what a send was refused with is counted, and the rest is sent', async () => {
  const publisher = answering(async (order) => {
    if (order.id % 10 === 0) throw new Error(`no room for ${order.id}`)
  })

  const report = await sendAll(publisher, { count: 100, callers: 4, batch: 1 })

  expect(report.errors).toEqual({ count: 10, first: 'no room for 0' })
  expect(publisher.ids).toHaveLength(100)
})

test('a paced load keeps its rate and sends everything', async () => {
  const publisher = answering(async () => {})
  const begin = performance.now()

  await sendPaced(publisher, 100, 1_000)

  expect(performance.now() - begin).toBeGreaterThan(95)
  expect(publisher.ids).toHaveLength(100)
})

test('an order is about a kibibyte, and its id is found in whatever is wrapped around it', () => {
  const order = makeOrder(4711)
  const body = Buffer.from(JSON.stringify(order))

  expect(body.length).toBeGreaterThan(900)
  expect(body.length).toBeLessThan(1_100)
  expect(idOf(body)).toBe(4711)
  expect(idOf(Buffer.from(JSON.stringify({ pattern: 'order.placed', data: order })))).toBe(4711)
  expect(idOf(Buffer.from('nothing'))).toBe(-1)
})

function answering(answer: (order: Order) => Promise<void>) {
  const seen = { ids: [] as number[], sizes: [] as number[], open: 0, mostOpen: 0 }
  const take = (orders: readonly Order[], done: Done): void => {
    seen.sizes.push(orders.length)
    seen.ids.push(...orders.map((order) => order.id))
    seen.mostOpen = Math.max(seen.mostOpen, ++seen.open)
    const settle = (error?: unknown) => {
      seen.open--
      done(error)
    }
    Promise.all(orders.map(answer)).then(() => settle(), settle)
  }
  const publisher: BenchPublisher = { send: (order, done) => take([order], done), sendBatch: take, close: async () => {} }

  return Object.assign(seen, publisher)
}
