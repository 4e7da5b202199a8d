import { describe, expect, test } from 'vitest'
import { Bench, message, messages } from './bench.js'
import { textOf } from '../setup/seam.js'

describe('publishing', () => {
  test('a confirm comes at the end of the turn, never within the call', async () => {
    const app = await new Bench().app()
    await app.declare()

    const outcomes = app.give(message('a'))
    const within = outcomes.length
    app.bench.runtime.settle()

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

  test('a message that one of two groups refuses is in neither', async () => {
    const app = await new Bench().app()
    await app.declareWith({ queue: { arguments: { 'x-max-length': 1 } } }, { name: 'billing' }, { name: 'stock' })
    app.publish(message('to billing alone', {}, { kind: 'group', channel: 'orders', group: 'billing' }))

    const outcomes = app.publish(message('to both'))

    expect(outcomes).toEqual(['rejected'])
    expect(app.bench.queue('orders.stock').waiting).toBe(0)
  })

  test('a publish before anybody connected is rejected', async () => {
    const app = new Bench().unconnected()

    const outcomes = app.give(message('a'))

    expect(outcomes).toEqual([{ kind: 'rejected', reason: 'the memory transport has never been connected' }])
  })

  test('a callback that throws keeps no other outcome back', async () => {
    const app = await new Bench().app()
    await app.declare()
    const told: number[] = []

    app.transport.publish(messages(3), (index) => {
      told.push(index)
      if (index === 1) throw new Error('Core is broken.')
    })
    app.bench.runtime.settle()

    expect(told).toEqual([0, 1, 2])
    expect(app.bench.log.join()).toContain('Core is broken.')
  })

  test("a listener that writes into its bytes changes nobody else's", async () => {
    const app = await new Bench().app()
    await app.declare({ name: 'billing' }, { name: 'stock' })
    const [billing, stock] = [await app.listen('billing'), await app.listen('stock')]

    app.publish(message('mine'))
    billing.received[0]?.body.fill(0)
    billing.received[0]?.settle('return')
    app.bench.runtime.settle()

    expect(stock.texts).toEqual(['mine'])
    expect(billing.received[1] && textOf(billing.received[1])).toBe('mine')
  })

  test('B01 B02 headers of hostile depth and names arrive as they came', async () => {
    const app = await new Bench().app()
    await app.declare()
    const billing = await app.listen()
    const names = ['__proto__', 'constructor', '', 'x'.repeat(255)]
    const headers = Object.fromEntries([['deep', nested(4_000)], ...names.map((name) => [name, `of ${name}`])]) as Record<string, unknown>

    app.publish(message('a', { headers }))

    const found = new Map(Object.entries(billing.received[0]?.headers ?? {}))
    expect(depthOf(found.get('deep'))).toBe(4_000)
    expect(names.map((name) => found.get(name))).toEqual(names.map((name) => `of ${name}`))
    expect('toString' in (billing.received[0]?.headers ?? {})).toBe(false)
  })

  test('headers that hold a cycle are rejected', async () => {
    const app = await new Bench().app()
    await app.declare()
    const cycle: Record<string, unknown> = {}
    cycle.self = cycle

    const outcomes = app.publish(message('a', { headers: { cycle } }))

    expect(outcomes).toEqual(['rejected'])
  })

  test.each([
    ['a Buffer', Buffer.from('before')],
    ['a Uint8Array', new TextEncoder().encode('before')],
  ])('%s that a stranger sent may be written over while its message waits', async (_title, body) => {
    const app = await new Bench().app()
    await app.declare()
    app.bench.broker.send({ exchange: 'orders', routingKey: 'order.placed', body })

    body.set(Buffer.from('AFTER!'))

    expect((await app.listen()).texts).toEqual(['before'])
  })
})

function nested(depth: number): unknown {
  let value: unknown = 'end'
  for (let i = 0; i < depth; i++) value = { value }

  return value
}

function depthOf(value: unknown): number {
  let depth = 0
  for (let at = value; typeof at === 'object' && at !== null; at = (at as { value: unknown }).value) depth++

  return depth
}
