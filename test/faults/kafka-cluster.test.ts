import { Kafka, logLevel } from 'kafkajs'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { channelOf, drivers, eventually, listen, message, send, strangers, textOf } from '../transport-kafka/bed.js'
import { type OwnNodes, ownNodes } from '../transport-kafka/own-nodes.js'
import { partitionOf } from '../../packages/transport-kafka/src/publisher.js'
import { kafkaLoad } from './kafka-load.js'

/** A key for each partition. */
const keysOf = (partitions: number): readonly string[] =>
  Array.from({ length: partitions }, (_, partition) => Array.from({ length: 100 }, (_, i) => `k${i}`).find((key) => partitionOf(key, partitions) === partition) ?? '')

describe.each(drivers)('a cluster of three kafka brokers through %s', (driver, options) => {
  let nodes: OwnNodes
  beforeAll(async () => {
    nodes = await ownNodes({ count: 3 })
  }, 90_000)
  afterAll(() => nodes?.close())

  /** Until the end of the test. */
  async function kill(index: number): Promise<void> {
    onTestFinished(() => nodes.start(index))
    await nodes.kill(index)
  }

  test('a topic of somebody else that nobody leads any more keeps no app from starting, publishing and listening', async () => {
    const foreign = new Kafka({ brokers: [...nodes.addresses()], logLevel: logLevel.NOTHING }).admin()
    await foreign.connect()
    await foreign.createTopics({ waitForLeaders: false, topics: [{ topic: `${driver.length}-elsewhere`, replicaAssignment: [{ partition: 0, replicas: [3] }] }] })
    onTestFinished(async () => {
      await foreign.deleteTopics({ topics: [`${driver.length}-elsewhere`] })
      await foreign.disconnect()
    })
    await kill(2)

    const one = strangers({ brokers: nodes.addresses(), ...options })
    await one.transport.connect(one.host)
    await one.transport.declare({ channels: [channelOf(`mine-${driver.length}`)], asks: false })
    const inbox = await listen(one, { kind: 'group', channel: `mine-${driver.length}`, group: 'billing', window: 10 })
    const outcomes = await send(one.transport, [message(`mine-${driver.length}`, 'hello')])
    await eventually(() => inbox.received.length === 1)
    await one.transport.close(5_000)

    expect(outcomes).toEqual([{ kind: 'confirmed' }])
  }, 60_000)

  test('KP8 messages without a key whose send is refused at first are stored once each, where they were to lie', async () => {
    const name = `few-${driver.length}`
    const one = strangers({ brokers: nodes.addresses(), ...options })
    const admin = new Kafka({ brokers: [...nodes.addresses()], logLevel: logLevel.NOTHING }).admin()
    await admin.connect()
    await one.transport.connect(one.host)
    await one.transport.declare({ channels: [channelOf(name, ['billing'], { partitions: 3, log: { replication: 3, settings: { 'min.insync.replicas': '3' } } })], asks: false })
    await kill(2)
    await eventually(
      async () => (await admin.fetchTopicMetadata({ topics: [name] })).topics.every(({ partitions }) => partitions.every(({ isr }) => isr.length === 2)),
      () => one.states.at(-1),
      40_000,
    )
    const flushes = <T>(flush: (number: number) => Promise<readonly T[]>): Promise<T[]> => Promise.all([0, 1, 2].map(flush)).then((found) => found.flat())
    await eventually(
      async () =>
        (await flushes(() => send(one.transport, [message(name, 'probe')]))).every((outcome) => outcome.kind === 'rejected' && outcome.reason.includes('NOT_ENOUGH_REPLICAS')),
      () => one.states.at(-1),
      40_000,
    )

    const sending = flushes((flush) =>
      send(
        one.transport,
        Array.from({ length: 20 }, (_, i) => message(name, `${flush}-${i}`)),
      ),
    )
    await admin.alterConfigs({ validateOnly: false, resources: [{ type: 2, name, configEntries: [{ name: 'min.insync.replicas', value: '2' }] }] })
    const outcomes = await sending
    const inbox = await listen(one, { kind: 'group', channel: name, group: 'billing', window: 100 })
    const stored = (): ReadonlySet<string> =>
      new Set(inbox.received.filter(({ body }) => body.length < 5).map((one) => `${textOf(one)} ${one.origin.partition} ${one.origin.offset}`))
    await eventually(() => stored().size >= 60)
    await one.transport.close(5_000)
    await admin.disconnect()

    expect(outcomes.filter(({ kind }) => kind !== 'confirmed')).toEqual([])
    expect([...stored()].map((found) => found.split(' ')[0]).sort()).toEqual([0, 1, 2].flatMap((flush) => Array.from({ length: 20 }, (_, i) => `${flush}-${i}`)).sort())
    expect(new Set([...stored()].map((found) => `${found[0]} ${found.split(' ')[1]}`)).size).toBe(3)
  }, 90_000)

  test('a partition that nobody leads any more waits for its leader, and the others of its topic are read meanwhile, by new groups too', async () => {
    const name = `single-${driver.length}`
    const groups = ['billing', 'stock']
    const one = strangers({ brokers: nodes.addresses(), ...options })
    await one.transport.connect(one.host)
    await one.transport.declare({ channels: [channelOf(name, groups, { partitions: 3, log: { replication: 1, settings: { 'min.insync.replicas': '1' } } })], asks: false })
    const [billing = '', stock = ''] = groups
    const inboxes = [await listen(one, { kind: 'group', channel: name, group: billing, window: 10 })]
    const sendEach = (text: string): Promise<unknown> =>
      send(
        one.transport,
        keysOf(3).map((key) => message(name, text, { key })),
      )
    const partitionsOf = (text: string): readonly number[] =>
      inboxes.map(({ received }) => new Set(received.filter((one) => textOf(one) === text).map(({ origin }) => origin.partition)).size)
    await sendEach('before')
    await eventually(() => partitionsOf('before').every((count) => count === 3))

    await nodes.kill(2)
    await eventually(
      async () => {
        await sendEach('meanwhile')

        return partitionsOf('meanwhile')[0] === 2
      },
      () => one.states.slice(-3),
      40_000,
    )
    inboxes.push(await listen(one, { kind: 'group', channel: name, group: stock, window: 10 }))
    await eventually(
      () => partitionsOf('meanwhile').every((count) => count === 2),
      () => one.states.slice(-3),
      40_000,
    )

    await nodes.start(2)
    await sendEach('behind')
    await eventually(
      () => partitionsOf('behind').every((count) => count === 3) && partitionsOf('before')[1] === 3,
      () => partitionsOf('behind'),
      40_000,
    )
    await one.transport.close(5_000)
  }, 150_000)

  test('one that is killed under load costs no message, and the rest go on', async () => {
    const load = kafkaLoad({ brokers: nodes.addresses(), options })
    const publisher = await load.publisher()
    await load.listener()
    await load.publish(publisher, 200)

    await load.during(publisher, nodes.kill(2))
    const before = load.verdict().confirmed
    await eventually(
      async () => {
        await load.publish(publisher, 40)

        return load.verdict().confirmed >= before + 200
      },
      () => load.verdict().describe(),
      40_000,
    )
    await eventually(
      () => load.verdict().lost.length === 0,
      () => load.verdict().describe(),
      40_000,
    )
    const verdict = load.verdict()

    expect(verdict, verdict.describe()).toMatchObject({ lost: [], unexpected: [], contradicted: [] })

    // Two of three gone: nobody can confirm, and nobody waits longer than the deadline.
    await nodes.kill(1)
    const since = performance.now()
    await load.publish(publisher, 20)
    const tookMs = performance.now() - since
    const { confirmed, unsettled } = load.verdict()

    expect(unsettled).toEqual([])
    expect(confirmed - verdict.confirmed).toBeLessThan(20)
    expect(tookMs).toBeLessThan(8_000)
    await load.close()
  }, 150_000)
})
