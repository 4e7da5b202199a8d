import type { ChannelOptions } from '@waybill/core'
import { describe, expect, test } from 'vitest'
import { Bench, message, messages } from './bench.js'

const names = (bench: Bench): readonly string[] => bench.broker.queues().map((queue) => queue.name)

describe('topology', () => {
  test('a group has a queue, a queue for each partition of its keys, and one of dead letters', async () => {
    const app = await new Bench().app()

    await app.declare({ partitions: 2 })

    expect(names(app.bench)).toEqual(['orders.billing', 'orders.billing.dead', 'orders.billing.keyed.0', 'orders.billing.keyed.1'])
  })

  test('a namespace stands before every name', async () => {
    const app = await new Bench().app('shop', { namespace: 'blue', instance: 'i1' })

    await app.declare()
    await app.listenToReplies()

    expect(names(app.bench)).toEqual(['blue.orders.billing', 'blue.orders.billing.dead', 'blue.orders.billing.keyed.0', 'blue.reply.i1'])
  })

  test('a key decides the queue, by its slot', async () => {
    const app = await new Bench().app()
    await app.declare({ partitions: 4 })
    const billing = await app.listen('billing', 200)

    app.publish(...Array.from({ length: 200 }, (_, index) => message('m', { key: `order-${index % 40}` })))

    const queuesOfKeys = new Map<unknown, Set<string>>()
    for (const { envelope, origin } of billing.received) queuesOfKeys.set(envelope.subject, (queuesOfKeys.get(envelope.subject) ?? new Set()).add(origin.address))
    expect(queuesOfKeys.size).toBe(40)
    expect([...queuesOfKeys.values()].every((queues) => queues.size === 1)).toBe(true)
    expect(new Set(billing.received.map((delivery) => delivery.origin.address)).size).toBe(4)
    expect(billing.received[0]?.origin.routingKey).toMatch(/^order\.placed\.keyed\.\d+$/)
  })

  test('a retry to a group finds the same queue as the message itself', async () => {
    const app = await new Bench().app()
    await app.declare({ partitions: 4 })
    const billing = await app.listen()

    app.publish(message('first', { key: 'a' }), message('again', { key: 'a' }, { kind: 'group', channel: 'orders', group: 'billing' }))

    const [first, again] = billing.received
    expect(again?.origin.address).toBe(first?.origin.address)
  })

  test('S8 a queue with other arguments fails with what was expected and what was found', async () => {
    const bench = new Bench()
    const [one, two] = [await bench.app(), await bench.app()]
    await one.declare()

    const refusal = two.declareWith({ queue: { arguments: { 'x-max-length': 10 } } })

    await expect(refusal).rejects.toThrow(/Queue "orders\.billing" .*expected \{.*"x-max-length":10\}, found \{/)
    await expect(refusal).rejects.toMatchObject({ code: 'TOPOLOGY_DIFFERS' })
  })

  test('S8 another number of partitions fails, because a key would be in two queues', async () => {
    const bench = new Bench()
    const [one, two] = [await bench.app(), await bench.app()]
    await one.declare({ partitions: 1 })

    await expect(two.declare({ partitions: 2 })).rejects.toThrow(/expected "orders\.billing\.keyed\.1", found "orders\.billing\.keyed\.0"/)
  })

  test('S13 a key added to a message while old and new versions run: nobody misses one, nobody gets two', async () => {
    const bench = new Bench()
    const [old, young] = [await bench.app('old'), await bench.app('new')]
    await old.declare({ keyed: false })
    const before = await old.listen()
    old.publish(message('keyed, only the old one there', { key: 'k' }))
    await young.declare({ keyed: true })
    const after = await young.listen()
    await old.declare({ keyed: false })

    young.publish(message('unkeyed'), message('keyed', { key: 'k' }))
    for (const delivery of before.received) delivery.settle('ack')

    expect([...before.texts, ...after.texts].sort()).toEqual(['keyed', 'keyed, only the old one there', 'unkeyed'])
  })

  test('a group that takes all gets every type once, with a key and without', async () => {
    const app = await new Bench().app()
    await app.declare({ types: 'all', keyed: true })
    const billing = await app.listen()

    app.publish(message('a'), message('b', { key: 'k' }), message('c', { type: 'something.else' }))

    expect(billing.texts).toEqual(['a', 'b', 'c'])
  })

  test.each<[string, ChannelOptions, RegExp]>([
    ['an argument it does not know', { queue: { arguments: { 'x-max-lenght': 1 } } }, /"x-max-lenght".*Did you mean "x-max-length"\?/],
    ['an argument of the wrong kind', { queue: { arguments: { 'x-max-length': 'many' } } }, /expected a whole number, at least 1, found "many"/],
    ['an overflow rule it does not have', { queue: { arguments: { 'x-overflow': 'reject-publish-dlx' } } }, /"reject-publish" or "drop-head"/],
    ['options of a log', { log: { replication: 3 } }, /The option "log" of channel "orders" is for logs/],
    ['a topic', { existing: { topic: 'orders' } }, /The option "existing.topic" of channel "orders" is for logs/],
    ['an exchange that is not there', { existing: { exchange: 'legacy' } }, /existing exchange "legacy"/],
    ['a queue that is not there', { existing: { queue: 'legacy' } }, /existing queue "legacy"/],
  ])('%s is refused by name', async (_title, options, text) => {
    const app = await new Bench().app()

    await expect(app.declareWith(options)).rejects.toThrow(text)
  })

  test('an existing queue is used as it is, and messages come from it', async () => {
    const app = await new Bench().app()
    app.bench.broker.queue('legacy.orders')
    await app.declareWith({ existing: { queue: 'legacy.orders' } })
    const billing = await app.listen()

    app.bench.broker.send({ routingKey: 'legacy.orders', body: '{"foreign":true}', headers: { from: 'elsewhere' } })
    app.bench.runtime.settle()

    expect(billing.texts).toEqual(['{"foreign":true}'])
    expect(billing.received[0]?.envelope.id).toBeUndefined()
    expect(names(app.bench)).toEqual(['legacy.orders', 'orders.billing.dead'])
  })

  test.each(['topic', 'direct', 'fanout'] as const)('an existing %s exchange is bound to, each message comes once', async (kind) => {
    const app = await new Bench().app()
    app.bench.broker.exchange('legacy', kind)
    await app.declareWith({ existing: { exchange: 'legacy' } })
    const billing = await app.listen()

    app.publish(message('a'), message('b', { key: 'k' }))

    expect([...billing.texts].sort()).toEqual(['a', 'b'])
  })

  test('a group that was not declared cannot be listened to', async () => {
    const app = await new Bench().app()
    await app.declare()

    await expect(app.listen('stock')).rejects.toThrow(/"orders\.stock" was not declared/)
  })

  test('mistyped options are reported, not thrown', async () => {
    const { memory, memoryBroker } = await import('@waybill/transport-memory')

    const transport = memory({ brokr: 1, broker: memoryBroker({ maxMessages: -1 }) } as object)

    expect(transport.faults.map((fault) => fault.message)).toEqual([
      'memory() has no option "brokr". Did you mean "broker"? Known options: broker, folder, sync.',
      'memoryBroker() has the option "maxMessages": expected a whole number above 0, found -1.',
    ])
  })

  test('messages without a key are not bound to one process', async () => {
    const bench = new Bench()
    const [one, two] = [await bench.app('one'), await bench.app('two')]
    await one.declare()
    await two.declare()
    const [first, second] = [await one.listen(), await two.listen()]

    one.publish(...messages(10))

    expect([first.texts.length, second.texts.length]).toEqual([5, 5])
  })
})
