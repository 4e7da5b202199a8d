import { describe, expect, test } from 'vitest'
import { Bench, message, messages } from './bench.js'

describe('publishing', () => {
  test('a confirm comes at the end of the turn, never within the call', async () => {
    const bench = new Bench()
    const app = await bench.app()
    await app.declare()

    const outcomes = app.give(message('a'))
    const within = outcomes.length
    bench.runtime.settle()

    expect(within).toBe(0)
    expect(outcomes).toEqual([{ kind: 'confirmed' }])
  })

  test('P14 an event without a group is confirmed, and unroutable where it must be heard', async () => {
    const app = await new Bench().app()
    await app.transport.declare({ asks: false, channels: [{ name: 'orders', messages: [], groups: [], options: {} }] })

    const outcomes = app.give(message('a'), message('b', { mandatory: true }))
    app.bench.runtime.settle()

    expect(outcomes[0]).toEqual({ kind: 'confirmed' })
    expect(outcomes[1]).toEqual({ kind: 'unroutable', reason: 'no queue is bound to exchange "orders" for "order.placed"' })
  })

  test('P15 one of a thousand messages is refused alone', async () => {
    const app = await new Bench().app()
    await app.declareWith({ queue: { arguments: { 'x-max-length-bytes': 10_000 } } })
    const batch = messages(1000).map((each, index) => (index === 500 ? { ...each, body: new Uint8Array(10_001) } : each))

    const outcomes = app.publish(...batch)

    expect(outcomes.filter((kind) => kind === 'confirmed')).toHaveLength(999)
    expect(outcomes[500]).toBe('rejected')
  })
})
