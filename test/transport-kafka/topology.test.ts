import { kafka } from '@waybill/transport-kafka'
import { describe, expect, test } from 'vitest'
import { bed, channelOf, eventually, listen, message, partitionsOf, send, strangers } from './bed.js'

describe('topics of an app', () => {
  const { admin, channel, grow, party, topic } = bed()

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
    await expect(party([channelOf(name, [], { partitions: 1 })])).rejects.toThrow(`"${name}" was expected with 1 partition and has 2`)
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
    await topic(foreign, 2)
    const one = await party([channelOf(name, ['billing'], { existing: { topic: foreign } })])

    const inbox = await listen(one, { kind: 'group', channel: name, group: 'billing', window: 10 })
    await send(one.transport, [message(name, 'hello', { key: 'k' })])

    await expect.poll(() => inbox.texts()).toEqual(['hello'])
    expect(inbox.received[0]?.origin.address).toBe(foreign)
    await expect(party([channelOf(channel(), [], { existing: { topic: `${foreign}-not` } })])).rejects.toThrow(`"${foreign}-not" (the existing topic`)
  })

  test('S8 all settings and replicas that differ are told at once', async () => {
    const name = channel()
    await party([channelOf(name, [], { log: { settings: { 'retention.ms': '1000', 'cleanup.policy': 'compact' } } })])

    const other = party([channelOf(name, [], { log: { replication: 3, settings: { 'retention.ms': '2000', 'cleanup.policy': 'compact', 'no.such': '1' } } })])

    const error = await other.catch((found: unknown) => found)
    expect(error).toMatchObject({ code: 'TOPIC_DIFFERS' })
    expect(String(error)).toContain(`"${name}" was expected with 3 replicas and has 1`)
    expect(String(error)).toContain(`"${name}" was expected with retention.ms=2000 and has retention.ms=1000`)
    expect(String(error)).toContain('with no.such=1 and has no such setting')
    expect(String(error)).not.toContain('cleanup.policy')
  })

  test('topics of a group grow with their channel', async () => {
    const name = channel()
    await party([channelOf(name, ['billing'], { partitions: 1 })])
    await grow(name, 3)

    await party([channelOf(name, ['billing'], { partitions: 3 })])

    await eventually(async () => (await partitionsOf(admin, `${name}.billing.retry.0`)) === 3)
  })

  test('an app that only checks makes nothing, and names all that is missing', async () => {
    const name = channel()

    const error = await party([channelOf(name, [])], { options: { declare: 'check' } }).catch((found: unknown) => found)

    expect(error).toMatchObject({ code: 'TOPIC_MISSING' })
    expect(String(error)).toContain(`"${name}" (channel "${name}")`)
    expect(await admin.listTopics()).not.toContain(name)
  })

  test('an app that only checks works with the topics that somebody made, long waits in the process', async () => {
    const name = channel()
    await Promise.all([name, `${name}.billing.retry.0`, `${name}.billing.dead`].map((made) => topic(made)))
    const one = await party([channelOf(name)], { options: { declare: 'check' } })

    const inbox = await listen(one, { kind: 'group', channel: name, group: 'billing', window: 10 })
    const outcomes = await send(one.transport, [message(name, 'hello'), message({ kind: 'group', channel: name, group: 'billing' }, 'later', { delayMs: 5_000 })])
    await eventually(() => inbox.received.length === 1)

    expect(outcomes.map(({ kind }) => kind)).toEqual(['confirmed', 'rejected'])
  })

  test('an app that declares nothing asks for nothing', async () => {
    const name = channel()

    await party([channelOf(name)], { options: { declare: 'none' } })

    expect(await admin.listTopics()).not.toContain(name)
  })

  test('a topic that somebody else makes is waited for when asked', async () => {
    const [name, foreign] = [channel(), channel()]
    const waiting = party([channelOf(name, [], { existing: { topic: foreign } })], { options: { awaitTopics: '10s' } })

    await topic(foreign)

    expect((await waiting).states.at(-1)?.kind).toBe('connected')
  })

  test('a topic that was deleted fails nobody but those who publish to it', async () => {
    const [name, gone, fresh] = [channel(), channel(), channel()]
    const one = await party([channelOf(name, []), channelOf(gone, []), channelOf(fresh, [])])
    await send(one.transport, [message(name, 'a'), message(gone, 'a')])
    await admin.deleteTopics({ topics: [gone] })
    // The broker says that it is gone somewhat before it takes nothing any more.
    await eventually(async () => (await send(one.transport, [message(gone, 'b')]))[0]?.kind === 'rejected')

    const outcomes = await send(one.transport, [message(name, 'c'), message(fresh, 'first')])

    expect(outcomes.map(({ kind }) => kind)).toEqual(['confirmed', 'confirmed'])
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
    expect(topics.sort()).toEqual(
      ['orders', 'orders.billing.dead', ...[0, 1, 2, 3, 4].map((rung) => `orders.billing.retry.${rung}`), 'shop.reply'].map((topic) => `${name}.blue.${topic}`),
    )
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

  test.each(['127.0.0.1:0', '127.0.0.1:65536', '127.0.0.1:99999'])('a port that there is not is a fault: %s', (broker) => {
    expect(kafka({ brokers: [broker] }).faults.map(({ code }) => code)).toEqual(['KAFKA_BROKERS'])
  })

  test.each(['commitInterval', 'sessionTimeout', 'stallTimeout', 'requestTimeout', 'awaitTopics'])('a time that no timer can keep is a fault of "%s"', (option) => {
    const { faults } = kafka({ brokers: ['127.0.0.1:9092'], [option]: '30d' })

    expect(faults).toMatchObject([{ code: 'BAD_DURATION', message: expect.stringContaining(option) }])
  })
})
