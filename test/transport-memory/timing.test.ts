import { describe, expect, test } from 'vitest'
import { Bench, message, messages } from './bench.js'

const billingDead = { channel: 'orders', group: 'billing' }

describe('time', () => {
  test('a delayed message comes when it is due, and is visible until then', async () => {
    const app = await new Bench().app()
    await app.declare()
    const billing = await app.listen()

    app.publish(message('late', { delayMs: 5_000 }), message('soon'))
    const waiting = app.bench.queue('orders.billing').delayed
    app.bench.runtime.advance(4_999)
    const before = billing.texts
    app.bench.runtime.advance(1)

    expect(waiting).toBe(1)
    expect(before).toEqual(['soon'])
    expect(billing.texts).toEqual(['soon', 'late'])
  })

  test('delays end in the order of their times, and those that end together in the order of sending', async () => {
    const app = await new Bench().app()
    await app.declare()
    const billing = await app.listen()
    const delays = [300, 100, 200, 100, 300, 200, 100]

    app.publish(...delays.map((delayMs, index) => message(`${delayMs}:${index}`, { delayMs })))
    app.bench.runtime.advance(300)

    expect(billing.texts).toEqual(['100:1', '100:3', '100:6', '200:2', '200:5', '300:0', '300:4'])
  })

  test('a delay longer than a timer can hold is kept', async () => {
    const app = await new Bench().app()
    await app.declare()
    const billing = await app.listen()
    const forty = 40 * 86_400_000

    app.publish(message('late', { delayMs: forty }))
    app.bench.runtime.advance(forty - 1)
    const before = billing.texts.length
    app.bench.runtime.advance(1)

    expect([before, billing.texts.length]).toEqual([0, 1])
  })

  test('R12 a message that nobody took in time is a dead letter, at that time, with the reason', async () => {
    const app = await new Bench().app()
    await app.declare()

    app.publish(message('short', { expiresMs: 100 }))
    app.bench.runtime.advance(99)
    const before = app.bench.queue('orders.billing').waiting
    app.bench.runtime.advance(1)

    const [letter] = await app.transport.dead.list(billingDead, 10)
    expect(before).toBe(1)
    expect(app.bench.queue('orders.billing').waiting).toBe(0)
    expect(letter?.headers['x-first-death-reason']).toBe('expired')
    expect(Buffer.from(letter?.body ?? []).toString()).toBe('short')
  })

  test('the time of the queue and that of the message: the shorter counts', async () => {
    const app = await new Bench().app()
    await app.declareWith({ queue: { arguments: { 'x-message-ttl': 100 } } })

    app.publish(message('of the queue', { expiresMs: 1_000 }))
    app.bench.runtime.advance(100)

    expect(app.bench.queue('orders.billing.dead').waiting).toBe(1)
  })

  test('a message behind one that lives longer expires when it gets to the head', async () => {
    const app = await new Bench().app()
    await app.declare()
    app.publish(message('for ever'), message('short', { expiresMs: 50 }))
    app.bench.runtime.advance(100)

    const stays = app.bench.queue('orders.billing').waiting
    const billing = await app.listen()

    expect(stays).toBe(2)
    expect(billing.texts).toEqual(['for ever'])
    expect(app.bench.queue('orders.billing.dead').waiting).toBe(1)
  })

  test('what was delivered does not expire', async () => {
    const app = await new Bench().app()
    await app.declare()
    const billing = await app.listen()

    app.publish(message('short', { expiresMs: 100 }))
    app.bench.runtime.advance(1_000)
    billing.received[0]?.settle('ack')

    expect(app.bench.queue('orders.billing.dead').waiting).toBe(0)
  })

  test('a higher priority goes first, equal ones in order', async () => {
    const app = await new Bench().app()
    await app.declare()
    app.publish(...[1, 5, 1, 9, 5, 200].map((priority, index) => message(`${priority}:${index}`, { priority })))

    const billing = await app.listen()

    expect(billing.texts).toEqual(['9:3', '200:5', '5:1', '5:4', '1:0', '1:2'])
  })

  test('I10 the same seed gives the same history', async () => {
    const history = async (): Promise<readonly string[]> => {
      const app = await new Bench().app()
      await app.declare()
      const billing = await app.listen()
      for (let round = 0; round < 20; round++) {
        app.publish(...messages(3, { delayMs: Math.round(app.bench.runtime.random() * 1_000) }))
        if (round % 5 === 0) app.bench.broker.disconnect()
        app.bench.runtime.advance(Math.round(app.bench.runtime.random() * 500))
      }

      return [...app.states.map((state) => `${state.kind} ${state.reason}`), ...billing.texts]
    }

    const [first, second] = [await history(), await history()]

    expect(first.length).toBeGreaterThan(20)
    expect(second).toEqual(first)
  })
})
