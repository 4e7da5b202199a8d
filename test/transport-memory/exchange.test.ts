import { describe, expect, test } from 'vitest'
import { Bench } from './bench.js'

/** A broker with one exchange and a queue for each binding. */
async function bound(
  kind: 'topic' | 'direct' | 'fanout' | 'headers',
  bindings: Readonly<Record<string, readonly [string, Record<string, unknown>?]>>,
): Promise<(routingKey: string, headers?: Record<string, unknown>) => readonly string[]> {
  const bench = new Bench()
  await bench.app()
  bench.broker.exchange('e', kind)
  for (const [queue, [key, args]] of Object.entries(bindings)) {
    bench.broker.queue(queue)
    bench.broker.bind(queue, 'e', key, args)
  }

  return (routingKey, headers = {}) => {
    const before = new Map(bench.broker.queues().map((queue) => [queue.name, queue.waiting]))
    bench.broker.send({ exchange: 'e', routingKey, headers, body: '' })

    return bench.broker
      .queues()
      .filter((queue) => queue.waiting > (before.get(queue.name) ?? 0))
      .map((queue) => queue.name)
  }
}

describe('exchanges', () => {
  test('a topic exchange matches words, * one of them, # any number', async () => {
    const reached = await bound('topic', { all: ['#'], exact: ['a.b.c'], star: ['a.*.c'], head: ['a.#'], tail: ['#.c'], middle: ['a.#.c'], two: ['*.*'] })

    expect(reached('a.b.c')).toEqual(['all', 'exact', 'head', 'middle', 'star', 'tail'])
    expect(reached('a.c')).toEqual(['all', 'head', 'middle', 'tail', 'two'])
    expect(reached('a.x.y.c')).toEqual(['all', 'head', 'middle', 'tail'])
    expect(reached('a')).toEqual(['all', 'head'])
    expect(reached('')).toEqual(['all'])
  })

  test('a routing key made to be slow is matched within the time of a test', async () => {
    const reached = await bound('topic', { greedy: ['#.a.#.a.#.a.#.a.#.a.#.b'] })

    expect(reached('a.'.repeat(2_000))).toEqual([])
  })

  test('a direct exchange wants the key itself', async () => {
    const reached = await bound('direct', { a: ['a'], star: ['*'] })

    expect(reached('a')).toEqual(['a'])
  })

  test('a fanout exchange looks at nothing', async () => {
    const reached = await bound('fanout', { a: ['x'], b: [''] })

    expect(reached('whatever')).toEqual(['a', 'b'])
  })

  test('a headers exchange wants all or any of its values', async () => {
    const reached = await bound('headers', { all: ['', { kind: 'order', eu: true }], any: ['', { 'x-match': 'any', kind: 'order', eu: true }] })

    expect(reached('', { kind: 'order', eu: true })).toEqual(['all', 'any'])
    expect(reached('', { kind: 'order' })).toEqual(['any'])
    expect(reached('', { kind: 'other' })).toEqual([])
  })

  test('two bindings that match put a message into their queue once', async () => {
    const bench = new Bench()
    await bench.app()
    bench.broker.exchange('e', 'topic')
    bench.broker.queue('q')
    bench.broker.bind('q', 'e', '#')
    bench.broker.bind('q', 'e', 'a.*')

    bench.broker.send({ exchange: 'e', routingKey: 'a.b', body: 'x' })

    expect(bench.queue('q').waiting).toBe(1)
  })

  test('what cannot be is refused with a sentence', async () => {
    const { broker } = new Bench()
    broker.exchange('e', 'topic')

    expect(() => broker.exchange('e', 'fanout')).toThrow('expected fanout, found topic')
    expect(() => broker.bind('q', 'e', 'a')).toThrow('no queue "q"')
    expect(() => broker.queue('q', { 'x-overflow': 'drop-head', 'x-max-length': 1 })).toThrow('no dead letters')
    expect(() => broker.queue('q', { 'x-dead-letter-routing-key': 'nowhere' })).toThrow('Declare that one first')
    expect(broker.send({ routingKey: 'q', body: '' })).toMatchObject({ kind: 'rejected', reason: expect.stringContaining('no clock yet') as string })
  })
})
