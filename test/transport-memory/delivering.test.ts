import { describe, expect, test } from 'vitest'
import { Bench, message, messages } from './bench.js'

describe('delivering', () => {
  test('what came in one turn is delivered as one batch', async () => {
    const app = await new Bench().app()
    await app.declare()
    const billing = await app.listen()

    app.publish(...messages(50))

    expect(billing.batches).toEqual([50])
  })

  test('consumers of a group get messages in turn, each within its window', async () => {
    const bench = new Bench()
    const [one, two] = [await bench.app('one'), await bench.app('two')]
    await one.declare()
    await two.declare()
    const [first, second] = [await one.listen('billing', 2), await two.listen('billing', 10)]

    one.publish(...messages(8))

    expect(first.texts).toEqual(['0', '2'])
    expect(second.texts).toEqual(['1', '3', '4', '5', '6', '7'])
  })

  test('a window is shared by messages with a key and without, and neither starves the other', async () => {
    const app = await new Bench().app()
    await app.declare()
    const billing = await app.listen('billing', 1)
    app.publish(...messages(20), ...messages(20, { key: 'k' }))

    for (let i = 0; i < 20; i++) {
      billing.received[i]?.settle('ack')
      app.bench.runtime.settle()
    }

    const keyed = billing.received.filter((delivery) => delivery.envelope.subject === 'k').length
    expect(billing.received).toHaveLength(21)
    expect(keyed).toBeGreaterThanOrEqual(9)
  })

  test('a queue of keys has one active consumer, and the next takes over in order when it leaves', async () => {
    const bench = new Bench()
    const [one, two] = [await bench.app('one'), await bench.app('two')]
    await one.declare()
    await two.declare()
    const [first, second] = [await one.listen(), await two.listen()]

    one.publish(...messages(5, { key: 'k' }))
    first.received[0]?.settle('ack')
    await first.consumer.stop()
    bench.runtime.settle()

    expect(first.texts).toEqual(['0', '1', '2', '3', '4'])
    expect(second.texts).toEqual(['1', '2', '3', '4'])
    expect(second.received.map((delivery) => [delivery.redelivered, delivery.deliveryCount])).toEqual([
      [true, 1],
      [true, 1],
      [true, 1],
      [true, 1],
    ])
  })

  test('what returns goes to the head of the queue, in order, whatever the order of returning', async () => {
    const app = await new Bench().app()
    await app.declare()
    const billing = await app.listen('billing', 4)
    app.publish(...messages(6))

    for (const index of [2, 0, 3, 1]) billing.received[index]?.settle('return')
    app.bench.runtime.settle()

    expect(billing.texts.slice(4)).toEqual(['0', '1', '2', '3'])
  })

  test('a message that is returned for ever ends among the dead letters', async () => {
    const app = await new Bench().app()
    await app.declare()
    const billing = await app.listen()
    app.publish(message('poison'))

    for (let i = 0; i <= 1_000; i++) {
      billing.received.at(-1)?.settle('return')
      app.bench.runtime.settle()
    }

    const [letter] = await app.transport.dead.list({ channel: 'orders', group: 'billing' }, 1)
    expect(billing.received).toHaveLength(1_001)
    expect(letter?.headers['x-first-death-reason']).toBe('delivery_limit')
  })

  test('a paused consumer gets nothing more until it resumes', async () => {
    const app = await new Bench().app()
    await app.declare()
    const billing = await app.listen()

    billing.consumer.pause()
    app.publish(...messages(3))
    const whilePaused = billing.texts
    billing.consumer.resume()
    app.bench.runtime.settle()

    expect(whilePaused).toEqual([])
    expect(billing.texts).toEqual(['0', '1', '2'])
  })

  test('a consumer that throws keeps its deliveries, and the process lives', async () => {
    const app = await new Bench().app()
    await app.declare()
    const consumer = await app.transport.subscribe({ kind: 'group', channel: 'orders', group: 'billing', window: 5 }, () => {
      throw new Error('Core is broken.')
    })

    app.publish(message('a'))

    expect(consumer.health().unsettled).toBe(1)
    expect(app.bench.log.join()).toContain('Core is broken.')
  })

  test('C12 a hundred thousand messages are worked off within one window', async () => {
    const app = await new Bench().app()
    await app.declare()
    app.publish(...messages(100_000))
    let most = 0
    let done = 0
    await app.transport.subscribe({ kind: 'group', channel: 'orders', group: 'billing', window: 100 }, (deliveries) => {
      most = Math.max(most, deliveries.length)
      for (const delivery of deliveries) delivery.settle('ack')
      done += deliveries.length
    })

    app.bench.runtime.settle()

    expect(most).toBe(100)
    expect(done).toBe(100_000)
    expect(app.bench.queue('orders.billing')).toEqual({ waiting: 0, delayed: 0, unsettled: 0, consumers: 1 })
  })
})
