import { describe, expect, test } from 'vitest'
import { Bench, message, messages } from './bench.js'

describe('bounded memory', () => {
  test('E3 beyond its number of messages the broker rejects, and takes again when some are done', async () => {
    const app = await new Bench({ maxMessages: 10 }).app()
    await app.declare()

    const outcomes = app.publish(...messages(11))
    const billing = await app.listen()
    billing.received[0]?.settle('ack')
    const after = app.publish(message('later'))

    expect(outcomes.filter((kind) => kind === 'confirmed')).toHaveLength(10)
    expect(outcomes[10]).toBe('rejected')
    expect(after).toEqual(['confirmed'])
  })

  test('E3 beyond its bytes the broker rejects and says which limit it was', async () => {
    const app = await new Bench({ maxBytes: 10_000 }).app()
    await app.declare()

    const outcomes = app.give(message('a', { body: new Uint8Array(9_000) }), message('b', { body: new Uint8Array(9_000) }))
    app.bench.runtime.settle()

    expect(outcomes[0]?.kind).toBe('confirmed')
    expect(outcomes[1]).toMatchObject({ kind: 'rejected', reason: expect.stringContaining('"maxBytes"') as string })
  })

  test('E3 each copy of a message counts, and its headers do', async () => {
    const app = await new Bench({ maxBytes: 10_000 }).app()
    await app.declare({ name: 'billing' }, { name: 'stock' })

    const outcomes = app.publish(message('a', { headers: { note: 'x'.repeat(6_000) } }))

    expect(outcomes).toEqual(['rejected'])
  })

  test('a full queue rejects by default and says which queue it is', async () => {
    const app = await new Bench().app()
    await app.declareWith({ queue: { arguments: { 'x-max-length': 2 } } })

    const outcomes = app.give(...messages(3))
    app.bench.runtime.settle()

    expect(outcomes[2]).toEqual({ kind: 'rejected', reason: 'queue "orders.billing" is full: it holds 2 messages, the most it may' })
  })

  test('R12 with drop-head a full queue moves its oldest to the dead letters, with the story of the death', async () => {
    const app = await new Bench().app()
    await app.declareWith({ queue: { arguments: { 'x-max-length': 2, 'x-overflow': 'drop-head' } } })

    const outcomes = app.publish(...messages(3))

    const [letter] = await app.transport.dead.list({ channel: 'orders', group: 'billing' }, 10)
    expect(outcomes).toEqual(['confirmed', 'confirmed', 'confirmed'])
    expect(letter?.envelope.id).toBe('0')
    expect(letter?.headers['x-death']).toMatchObject([{ reason: 'maxlen', queue: 'orders.billing', exchange: 'orders', 'routing-keys': ['order.placed'] }])
  })

  test('what is acknowledged, expired or dropped leaves nothing behind in the count', async () => {
    const bench = new Bench({ maxMessages: 3 })
    const app = await bench.app()
    await app.declare()
    const billing = await app.listen()

    for (let round = 0; round < 100; round++) {
      const outcomes = app.publish(...messages(3))
      expect(outcomes).toEqual(['confirmed', 'confirmed', 'confirmed'])
      for (const delivery of billing.received.splice(0)) delivery.settle('ack')
    }

    expect(bench.queue('orders.billing')).toEqual({ waiting: 0, delayed: 0, unsettled: 0, consumers: 1 })
  })
})
