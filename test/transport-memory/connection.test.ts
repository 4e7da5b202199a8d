import { describe, expect, test } from 'vitest'
import { Bench, message, messages } from './bench.js'

describe('connections', () => {
  test('P10 durable messages survive a restart of the broker, and their consumer is attached again', async () => {
    const app = await new Bench().app()
    await app.declare()
    const billing = await app.listen('billing', 2)
    app.publish(...messages(3), message('late', { delayMs: 60_000 }))
    billing.received[0]?.settle('ack')

    app.bench.broker.restart()
    const held = app.bench.queue('orders.billing')
    app.bench.runtime.advance(100)

    expect(held).toEqual({ waiting: 2, delayed: 1, unsettled: 0, consumers: 0 })
    expect(app.kinds).toEqual(['connecting', 'connected', 'lost', 'connecting', 'connected'])
    expect(billing.texts).toEqual(['0', '1', '1', '2'])
  })

  test('P11 a lost confirm leaves the message stored and its outcome open, until the connection ends', async () => {
    const app = await new Bench().app()
    await app.declare()

    app.bench.broker.loseConfirms()
    const outcomes = app.give(...messages(2))
    app.bench.runtime.settle()
    const open = [...outcomes]
    app.bench.broker.disconnect()

    expect(open).toEqual([undefined, { kind: 'confirmed' }])
    expect(outcomes[0]).toEqual({ kind: 'unknown', reason: 'the memory broker cut the connection' })
    expect(app.bench.queue('orders.billing').waiting).toBe(2)
  })

  test('P12 every publish that is outstanding when the connection closes settles, once', async () => {
    const app = await new Bench().app()
    await app.declare()

    const outcomes = app.give(...messages(100))
    app.bench.broker.disconnect()
    app.bench.runtime.settle()

    expect(outcomes.map((outcome) => outcome.kind)).toEqual(new Array(100).fill('unknown'))
  })

  test('closing tells the outcomes that are known, and can be done twice', async () => {
    const app = await new Bench().app()
    await app.declare()

    const outcomes = app.give(...messages(2))
    await Promise.all([app.transport.close(1_000), app.transport.close(1_000)])
    await app.transport.close(1_000)

    expect(outcomes.map((outcome) => outcome.kind)).toEqual(['confirmed', 'confirmed'])
    expect(app.kinds.filter((kind) => kind === 'closed')).toHaveLength(1)
  })

  test('P5 a blocked broker confirms nothing, its consumers go on, and what it was sent is read when the block ends', async () => {
    const app = await new Bench().app()
    await app.declare()
    const billing = await app.listen('billing', 1)
    app.publish(...messages(2))

    app.bench.broker.block()
    const outcomes = app.give(message('sent into the block'))
    billing.received[0]?.settle('ack')
    app.bench.runtime.advance(60_000)
    const blocked = { writable: app.transport.writable, last: app.kinds.at(-1), told: outcomes.length, texts: billing.texts, calls: app.writableCalls }
    app.bench.broker.unblock()
    app.bench.runtime.settle()

    expect(blocked).toEqual({ writable: false, last: 'blocked', told: 0, texts: ['0', '1'], calls: 1 })
    expect(outcomes).toEqual([{ kind: 'confirmed' }])
    expect([app.transport.writable, app.kinds.at(-1), app.writableCalls]).toEqual([true, 'connected', 2])
  })

  test('P5 what was sent into a block is unknown when the connection ends', async () => {
    const app = await new Bench().app()
    await app.declare()
    app.bench.broker.block()

    const outcomes = app.give(...messages(2))
    app.bench.broker.disconnect()

    expect(outcomes.map((outcome) => outcome.kind)).toEqual(['unknown', 'unknown'])
    expect(app.bench.queue('orders.billing').waiting).toBe(0)
  })

  test('C5 a delivery that is settled after its connection was lost does nothing, and is counted', async () => {
    const app = await new Bench().app()
    await app.declare()
    const billing = await app.listen()
    app.publish(message('a'))

    app.bench.broker.disconnect('shop')
    app.bench.runtime.advance(100)
    const [old, young] = billing.received
    old?.settle('ack')
    old?.settle('ack')

    expect([old?.isStale, young?.isStale]).toEqual([true, false])
    expect(billing.consumer.health()).toMatchObject({ attached: true, lateSettles: 1, unsettled: 1 })
    young?.settle('ack')
    expect(app.bench.queue('orders.billing')).toMatchObject({ waiting: 0, unsettled: 0 })
  })

  test('only the connections of the named app are cut', async () => {
    const bench = new Bench()
    const [shop, other] = [await bench.app('shop'), await bench.app('other')]

    bench.broker.disconnect('shop')

    expect([shop.transport.writable, other.transport.writable]).toEqual([false, true])
  })

  test('S4 a broker that is away is tried for ever, with growing waits of at most 30 s and a reason each time', async () => {
    const bench = new Bench()
    bench.broker.stop()
    const app = bench.unconnected()
    const connected = app.connect()

    bench.runtime.advance(3_600_000)
    const tries = app.kinds.filter((kind) => kind === 'connecting').length
    const waits = app.states.flatMap(({ nextTryMs }) => nextTryMs ?? [])
    bench.broker.start()
    bench.runtime.advance(30_000)
    await connected

    expect(tries).toBeGreaterThan(120)
    expect(Math.max(...waits)).toBeLessThanOrEqual(30_000)
    expect(Math.max(...waits.slice(0, 3))).toBeLessThanOrEqual(400)
    expect(app.kinds.at(-1)).toBe('connected')
  })

  test('S11 a broker that restarts twenty times with fifty consumers has every one of them again', async () => {
    const app = await new Bench().app()
    const groups = Array.from({ length: 50 }, (_, index) => ({ name: `g${index}` }))
    await app.declare(...groups)
    const receivers = await Promise.all(groups.map((group) => app.listen(group.name)))

    for (let i = 0; i < 20; i++) {
      app.bench.broker.restart()
      app.bench.runtime.advance(5_000)
      expect(receivers.every((receiver) => receiver.consumer.health().attached)).toBe(true)
    }

    app.publish(message('a'))
    expect(receivers.map((receiver) => receiver.texts)).toEqual(groups.map(() => ['a']))
  })

  test('I7 closing leaves no timer behind, whatever it was doing', async () => {
    const bench = new Bench()
    const app = await bench.app()
    await app.declare()
    app.publish(message('late', { delayMs: 60_000 }))
    bench.broker.stop()
    const while_ = bench.runtime.timers

    await app.transport.close(1_000)

    expect(while_).toBe(1)
    expect(bench.runtime.timers).toBe(0)
  })
})
