import { BrokerRefused, slotOf } from '@waybill/core'
import { describe, expect, test } from 'vitest'
import { bed, channelOf, depth, listen, message, send, soon } from './bed.js'

describe('the topology on RabbitMQ', () => {
  const broker = bed()

  test('S8 a queue of another shape is refused with its name, expected and found', async () => {
    const namespace = broker.namespace()
    await broker.channel.assertQueue(`${namespace}.orders.billing`, { durable: true, arguments: { 'x-queue-type': 'quorum', 'x-dead-letter-exchange': 'elsewhere' } })

    const refusal = await broker.party(namespace).catch((error: unknown) => error)

    expect(refusal).toBeInstanceOf(BrokerRefused)
    expect((refusal as Error).message).toContain(`queue "${namespace}.orders.billing"`)
    expect((refusal as Error).message).toMatch(/"x-dead-letter-exchange" expected .*, found .*'elsewhere'/)
  })

  test('S8 another number of partitions is refused, naming both, before a binding is made that would double messages', async () => {
    const namespace = broker.namespace()
    const party = await broker.party(namespace, [channelOf('orders', { keyed: true, partitions: 3 })])

    const refusal = await broker.party(namespace, [channelOf('orders', { keyed: true, partitions: 2 })]).catch((error: unknown) => error)
    await send(party, ...Array.from({ length: 20 }, (_, n) => message(`m${n}`, { key: `key-${n}` })))
    const { got } = await listen(party)
    await soon(() => got.length === 20)

    expect(refusal).toBeInstanceOf(BrokerRefused)
    expect(refusal).toMatchObject({ code: 'TOPOLOGY_DIFFERS', message: expect.stringMatching(/expected 2, found 3/) })
    expect(got.length).toBe(20)
  })

  test('a key goes to the queue of its slot, and every queue of the group is heard', async () => {
    const namespace = broker.namespace()
    const party = await broker.party(namespace, [channelOf('orders', { keyed: true, partitions: 3 })])
    const keys = Array.from({ length: 30 }, (_, n) => `key-${n}`)

    await send(party, ...keys.map((key) => message(key, { key })), message('none'))
    const { got } = await listen(party)
    await soon(() => got.length === 31)

    for (const { envelope, origin } of got) {
      const { subject } = envelope
      expect(origin.address).toBe(`${namespace}.orders.billing${typeof subject === 'string' ? `.keyed.${slotOf(subject) % 3}` : ''}`)
    }
  })

  test('S13 a group without keys gets keyed messages, and one that learns of keys gets none twice', async () => {
    const namespace = broker.namespace()
    const before = await broker.party(namespace)
    await send(before, message('before', { key: 'a' }))
    const after = await broker.party(namespace, [channelOf('orders', { keyed: true })])

    await send(before, message('after', { key: 'a' }))
    const inbox = await listen(after)
    await soon(() => inbox.got.length === 2)

    expect(await depth(broker.connection, `${namespace}.orders.billing`)).toMatchObject({ messages: 0 })
    expect(inbox.texts().sort()).toEqual(['after', 'before'])
  })

  test('an exchange and a queue that exist are used as they are', async () => {
    const namespace = broker.namespace()
    const [exchange, queue] = [`${namespace}-theirs`, `${namespace}-queue`]
    await broker.channel.assertExchange(exchange, 'fanout', { durable: false, autoDelete: true })
    await broker.channel.assertQueue(queue, { durable: false, autoDelete: true })
    await broker.channel.bindQueue(queue, exchange, '')
    const party = await broker.party(namespace, [channelOf('orders', { options: { existing: { exchange, queue } } })])

    const inbox = await listen(party)
    await send(party, message('theirs'))

    await soon(() => inbox.texts().includes('theirs'))
    expect(inbox.got[0]?.origin.address).toBe(queue)
  })

  test('a queue that shall exist and does not is refused by its name', async () => {
    const namespace = broker.namespace()

    await expect(broker.party(namespace, [channelOf('orders', { options: { existing: { queue: `${namespace}-gone` } } })])).rejects.toThrow(`queue "${namespace}-gone"`)
  })

  test('a classic queue with arguments of the user is declared so', async () => {
    const namespace = broker.namespace()
    await broker.party(namespace, [channelOf('orders', { options: { queue: { type: 'classic', arguments: { 'x-max-length': 3 } } } })])

    await expect(broker.party(namespace)).rejects.toThrow('found')
  })

  test('what is declared later is added: a queue of before is made again when it is lost', async () => {
    const namespace = broker.namespace()
    const party = await broker.party(namespace)
    const inbox = await listen(party)
    const later = [{ name: 'news', messages: [], groups: [], options: {} }]
    broker.remember(namespace, later)
    await party.transport.declare({ channels: later, asks: true })

    await broker.channel.deleteQueue(`${namespace}.orders.billing`)
    await soon(() => inbox.consumer.health().attached === false)
    await soon(() => inbox.consumer.health().attached)
    await send(party, message('again'))

    await soon(() => inbox.texts().includes('again'))
  })

  test('options that only a log can honour are refused, each by its name', async () => {
    const options = { log: { replication: 3 }, existing: { topic: 'theirs' } }

    const refusal = await broker.party(broker.namespace(), [channelOf('orders', { options })]).catch((error: unknown) => error)

    expect(refusal).toMatchObject({
      code: 'UNSUPPORTED_OPTION',
      faults: [{ message: expect.stringMatching(/"log" of channel "orders"/) }, { message: expect.stringMatching(/"existing.topic"/) }],
    })
  })

  test('an argument that would undo what every queue promises is refused, with what to state instead', async () => {
    const options = { queue: { arguments: { 'x-delivery-limit': 3, 'x-queue-type': 'classic' } } }

    const refusal = await broker.party(broker.namespace(), [channelOf('orders', { options })]).catch((error: unknown) => error)

    expect(refusal).toMatchObject({
      faults: [{ message: expect.stringMatching(/"orders" has "x-delivery-limit".*Leave it out/) }, { message: expect.stringContaining('State `queue.type`') }],
    })
  })

  test('a window over what AMQP can count is served all the same', async () => {
    const namespace = broker.namespace()
    const party = await broker.party(namespace)

    const inbox = await listen(party, { window: 80_000 })
    await send(party, message('one'))

    await soon(() => inbox.texts().includes('one'))
  })
})
