import { kafka } from '@waybill/transport-kafka'
import { describe, expect, test } from 'vitest'
import { bed, channelOf, listen, message, send, strangers } from './bed.js'

describe('topics of an app', () => {
  const { admin, channel, party } = bed()

  test('a channel, its groups and its replies get their topics by the rules of the wire', async () => {
    const name = channel()
    await party([channelOf(name, ['billing'], { partitions: 3 })], { asks: true, app: name })

    const { topics } = await admin.fetchTopicMetadata({ topics: [name, `${name}.billing.retry.0`, `${name}.billing.dead`, `${name}.reply`] })

    expect(new Map(topics.map((topic) => [topic.name, topic.partitions.length]))).toEqual(
      new Map([
        [name, 3],
        [`${name}.billing.retry.0`, 3],
        [`${name}.billing.dead`, 1],
        [`${name}.reply`, 1],
      ]),
    )
  })

  test('several processes declare the same topics at once', async () => {
    const name = channel()

    const parties = await Promise.all(Array.from({ length: 5 }, () => party([channelOf(name, ['billing', 'stock'], { partitions: 2 })])))

    expect(parties.length).toBe(5)
  })

  test('S8 a topic with another number of partitions is refused with expected and found', async () => {
    const name = channel()
    await party([channelOf(name, [], { partitions: 2 })])

    await expect(party([channelOf(name, [], { partitions: 5 })])).rejects.toThrow(`"${name}" was expected with 5 partitions and has 2`)
    await expect(party([channelOf(name, [], { partitions: 1 })])).rejects.toThrow(`"${name}" was expected with 1 partitions and has 2`)
  })

  test('an app that says nothing about partitions takes the topic as it is', async () => {
    const name = channel()
    await party([channelOf(name, [], { partitions: 4 })])

    await party([channelOf(name, ['billing'])])

    const { topics } = await admin.fetchTopicMetadata({ topics: [`${name}.billing.retry.0`] })
    expect(topics[0]?.partitions.length).toBe(4)
  })

  test('an existing topic is used as it is, and a missing one is named', async () => {
    const [name, foreign] = [channel(), channel()]
    await admin.createTopics({ topics: [{ topic: foreign, numPartitions: 2 }] })
    const one = await party([channelOf(name, ['billing'], { existing: { topic: foreign } })])

    const inbox = await listen(one, { kind: 'group', channel: name, group: 'billing', window: 10 })
    await send(one.transport, [message(name, 'hello', { key: 'k' })])

    await expect.poll(() => inbox.texts()).toEqual(['hello'])
    expect(inbox.received[0]?.origin.address).toBe(foreign)
    await expect(party([channelOf(channel(), [], { existing: { topic: `${foreign}-not` } })])).rejects.toThrow(`the existing topic "${foreign}-not"`)
  })

  test('options of queues are refused by name', async () => {
    const options = { queue: { type: 'quorum' }, exchange: { type: 'topic' }, existing: { exchange: 'x' } } as const

    const refused = party([channelOf(channel(), [], options)])

    await expect(refused).rejects.toMatchObject({
      faults: ['queue', 'exchange', 'existing.exchange'].map((option) => ({ code: 'UNSUPPORTED_OPTION', message: expect.stringContaining(`"${option}"`) })),
    })
  })

  test('settings of a log reach the topic', async () => {
    const name = channel()
    await party([channelOf(name, [], { log: { settings: { 'retention.ms': '123456' } } })])

    const { resources } = await admin.describeConfigs({ includeSynonyms: false, resources: [{ type: 2, name, configNames: ['retention.ms'] }] })

    expect(resources[0]?.configEntries[0]?.configValue).toBe('123456')
  })

  test('a namespace stands before every name', async () => {
    const name = channel()
    const one = strangers()
    await one.transport.connect({ ...one.host, namespace: `${name}.blue` })
    await one.transport.declare({ channels: [channelOf('orders')], asks: true })
    await one.transport.close(1_000)

    const topics = (await admin.listTopics()).filter((topic) => topic.startsWith(`${name}.blue.`))
    expect(topics.sort()).toEqual(['orders', 'orders.billing.dead', 'orders.billing.retry.0', 'shop.reply'].map((topic) => `${name}.blue.${topic}`))
  })
})

describe('options of kafka()', () => {
  test('wrong ones are faults with a suggestion, and nothing is thrown', () => {
    const wrong = { broker: ['127.0.0.1:9092'], commitInterval: 'soon', sasl: { mechanism: 'plain', username: 'app', password: 'topsecret' } }

    const { faults } = kafka(wrong as never)

    expect(faults.map(({ code }) => code)).toEqual(['UNKNOWN_OPTION', 'KAFKA_BROKERS', 'BAD_DURATION'])
    expect(faults[0]?.message).toContain('Did you mean "brokers"?')
    expect(JSON.stringify(faults)).not.toContain('topsecret')
  })

  test('nothing at all is a fault', () => {
    expect(kafka(undefined as never).faults.map(({ code }) => code)).toEqual(['KAFKA_BROKERS'])
  })
})
