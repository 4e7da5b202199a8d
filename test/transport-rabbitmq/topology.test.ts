import { BrokerRefused, slotOf } from '@waybill/core'
import { describe, expect, test } from 'vitest'
import { bed, channelOf, dead, depth, listen, message, send, soon, url } from './bed.js'
import { outgoing } from '../setup/seam.js'

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

  test('S8 a channel whose exchange has another type is refused with its name, expected and found', async () => {
    const namespace = broker.namespace()
    await broker.channel.assertExchange(`${namespace}.orders`, 'topic', { durable: true })

    const refusal = await broker.party(namespace).catch((error: unknown) => error)

    expect(refusal).toMatchObject({ code: 'TOPOLOGY_DIFFERS', message: expect.stringMatching(/exchange ".*\.orders".*"type" expected 'direct', found 'topic'/) })
  })

  test.each([
    [3, 2],
    [1, 3],
    [3, 1],
  ])('S8 another number of partitions (%i, then %i) is refused, naming both, before a binding is made that would double messages', async (first, second) => {
    const namespace = broker.namespace()
    const party = await broker.party(namespace, [channelOf('orders', { keyed: true, partitions: first })])

    const refusal = await broker.party(namespace, [channelOf('orders', { keyed: true, partitions: second })]).catch((error: unknown) => error)
    await send(party, ...Array.from({ length: 20 }, (_, n) => message(`m${n}`, { key: `key-${n}` })))
    const { got } = await listen(party)
    await soon(() => got.length === 20)

    expect(refusal).toBeInstanceOf(BrokerRefused)
    expect(refusal).toMatchObject({ code: 'TOPOLOGY_DIFFERS', message: expect.stringMatching(new RegExp(`expected ${second}, found ${first}`)) })
    expect(got.length).toBe(20)
  })

  test.each([['direct'], ['topic']] as const)('a group that takes all gets everything once through a %s exchange, and sees nothing of how', async (type) => {
    const namespace = broker.namespace()
    const party = await broker.party(namespace, [channelOf('orders', { types: 'all', keyed: true, options: { exchange: { type } } })])
    const other = message('other')

    await send(party, message('plain'), message('keyed', { key: 'a' }), { ...other, envelope: { ...other.envelope, type: 'news.told' } }, message('last', { key: 'b' }))
    const inbox = await listen(party)
    await soon(() => inbox.texts().includes('last'))

    expect(inbox.texts()).toEqual(['plain', 'keyed', 'other', 'last'])
    expect(inbox.got.flatMap(({ headers }) => Object.keys(headers)).filter((name) => name.endsWith('CC'))).toEqual([])
  })

  test('another system reaches who listens for a type by its key, and who takes all by a copy to "#"', async () => {
    const namespace = broker.namespace()
    const typed = await broker.party(namespace)
    const all = await broker.party(namespace, [{ ...channelOf('orders'), groups: [{ name: 'archive', types: 'all', keyed: true, partitions: 1 }] }])
    const texts: string[] = []
    await all.transport.subscribe({ kind: 'group', channel: 'orders', group: 'archive', window: 10 }, (got) => texts.push(...got.map(({ body }) => Buffer.from(body).toString())))

    broker.channel.publish(`${namespace}.orders`, 'order.placed', Buffer.from('theirs'), { BCC: '#' })

    const inbox = await listen(typed)
    await soon(() => inbox.texts().includes('theirs') && texts.includes('theirs'))
  })

  test('through a topic exchange other systems see by a pattern what is published, and are heard without a copy', async () => {
    const namespace = broker.namespace()
    const party = await broker.party(namespace, [channelOf('orders', { types: 'all', keyed: true, options: { exchange: { type: 'topic' } } })])
    const { queue } = await broker.channel.assertQueue('', { exclusive: true })
    await broker.channel.bindQueue(queue, `${namespace}.orders`, 'order.#')
    const inbox = await listen(party)

    await send(party, message('ours', { key: 'a' }))
    broker.channel.publish(`${namespace}.orders`, 'anything.at.all', Buffer.from('theirs'))

    await soon(() => inbox.texts().length === 2)
    expect(await broker.channel.get(queue)).toMatchObject({ content: Buffer.from('ours') })
  })

  test('an existing exchange gets no copies unless it is said to be a direct one', async () => {
    const namespace = broker.namespace()
    const exchange = `${namespace}-theirs`
    await broker.channel.assertExchange(exchange, 'direct', { durable: false, autoDelete: true })
    const { queue } = await broker.channel.assertQueue('', { exclusive: true })
    await broker.channel.bindQueue(queue, exchange, '#')
    const silent = await broker.party(namespace, [{ ...channelOf('orders', { options: { existing: { exchange } } }), groups: [] }])
    const told = await broker.party(namespace, [{ ...channelOf('orders', { options: { existing: { exchange }, exchange: { type: 'direct' } } }), groups: [] }])

    const outcomes = [...(await send(silent, message('a', { mandatory: true }))), ...(await send(told, message('b', { mandatory: true })))]

    expect(outcomes.map(({ kind }) => kind)).toEqual(['unroutable', 'confirmed'])
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

  test.each([
    ['order.placed', undefined],
    ['order.placed.keyed', 'a'],
  ])('a binding by %s that somebody removed is put back for the next message, and the log says so', async (bound, key) => {
    const namespace = broker.namespace()
    const party = await broker.party(namespace, [channelOf('orders', { keyed: true })])
    const queue = `${namespace}.orders.billing${key === undefined ? '' : '.keyed.0'}`
    await broker.channel.unbindQueue(queue, `${namespace}.orders`, bound)

    await soon(async () => (await send(party, message('again', { mandatory: true, key })))[0]?.kind === 'confirmed')

    expect(party.warnings).toEqual([expect.stringContaining('it is bound again')])
  })

  test('a queue that one consumer has for itself is refused with that remedy', async () => {
    const [namespace, queue] = [broker.namespace(), `${broker.namespace()}-theirs`]
    await broker.channel.assertQueue(queue, { durable: true })
    const { consumerTag } = await broker.channel.consume(queue, () => undefined, { exclusive: true })
    const party = await broker.party(namespace, [channelOf('orders', { options: { existing: { queue } } })])

    await expect(listen(party)).rejects.toMatchObject({ code: 'ACCESS_REFUSED', message: expect.stringMatching(/exclusive use.*end that\.$/) })
    await broker.channel.cancel(consumerTag)
    await broker.channel.deleteQueue(queue)
  })

  test('an existing stream is told when its first message comes, with what it does not keep', async () => {
    const namespace = broker.namespace()
    const queue = `${namespace}-stream`
    await broker.channel.assertQueue(queue, { durable: true, arguments: { 'x-queue-type': 'stream' } })
    const party = await broker.party(namespace, [channelOf('orders', { options: { existing: { queue } } })])
    const inbox = await listen(party)

    broker.channel.sendToQueue(queue, Buffer.from('one'))
    broker.channel.sendToQueue(queue, Buffer.from('two'))
    await soon(() => inbox.got.length === 2)
    await broker.channel.deleteQueue(queue)

    expect(party.warnings.filter((line) => line.includes(`"${queue}" is a stream`))).toHaveLength(1)
  })

  test('a queue of dead letters that somebody deleted is made again for the next try', async () => {
    const namespace = broker.namespace()
    const party = await broker.party(namespace)
    const letter = outgoing(dead, 'kept', { mandatory: true })
    await broker.channel.deleteQueue(`${namespace}.orders.billing.dead`)

    const [first] = await send(party, letter)
    await soon(async () => (await send(party, letter))[0]?.kind === 'confirmed')

    expect(first).toMatchObject({ kind: 'unroutable' })
    await soon(async () => (await depth(broker.connection, `${namespace}.orders.billing.dead`)).messages === 1)
  })

  test('S8 a user who only checks is refused where keys are spread otherwise, and nothing is made', async () => {
    const namespace = broker.namespace()
    await broker.party(namespace, [channelOf('orders', { keyed: true, partitions: 3 })])
    const declared = async (partitions: number): Promise<unknown> => {
      const party = broker.stranger({ url, declare: 'check' }, namespace)
      await party.transport.connect(party.host)

      return party.transport.declare({ channels: [channelOf('orders', { keyed: true, partitions })], asks: false }).catch((error: unknown) => error)
    }

    expect(await declared(2)).toMatchObject({ code: 'TOPOLOGY_DIFFERS', message: expect.stringContaining('expected 2, found 3') })
    expect(await declared(3)).toBeUndefined()
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

  test('a misspelled argument, which RabbitMQ would ignore, is refused with what was meant, and one of a plugin is not', async () => {
    const options = { queue: { arguments: { 'x-max-lenght': 5, 'x-plugin-of-theirs': 1 } } }

    await expect(broker.party(broker.namespace(), [channelOf('orders', { options })])).rejects.toMatchObject({
      faults: [{ code: 'UNSUPPORTED_OPTION', message: expect.stringMatching(/"orders" has "x-max-lenght".*Did you mean "x-max-length"\?/) }],
    })
  })

  test('priorities of a quorum queue, which RabbitMQ refuses, are refused with the type that has them', async () => {
    const options = { queue: { arguments: { 'x-max-priority': 9 } } }

    await expect(broker.party(broker.namespace(), [channelOf('orders', { options })])).rejects.toMatchObject({
      faults: [{ code: 'UNSUPPORTED_OPTION', message: expect.stringMatching(/"orders" has "x-max-priority".*State `queue\.type: 'classic'`/) }],
    })
  })

  test('a pattern among the stated bindings of a direct exchange is refused with the remedy', async () => {
    const options = { queue: { bindings: ['order.placed', '#', 'order.*'] } }

    await expect(broker.party(broker.namespace(), [channelOf('orders', { options })])).rejects.toMatchObject({
      faults: [{ code: 'UNSUPPORTED_OPTION', message: expect.stringMatching(/"orders" has the pattern "order\.\*".*type: 'topic'/) }],
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
