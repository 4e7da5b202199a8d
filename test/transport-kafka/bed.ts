import { randomUUID } from 'node:crypto'
import {
  type ChannelOptions,
  type ChannelTopology,
  type ConnectionState,
  type Consumer,
  type Destination,
  type Outgoing,
  type RawDelivery,
  type Runtime,
  type Subscription,
  systemRuntime,
  type TransportHost,
} from '@waybill/core'
import { eventually as tryUntil } from '@waybill/testing'
import { kafka, type KafkaLog, type KafkaOptions, platformatic } from '@waybill/transport-kafka'
import { type Admin, Kafka, logLevel } from 'kafkajs'
import { afterAll, beforeAll } from 'vitest'
import { outcomesOf, outgoing, type OutgoingParts, textOf } from '../setup/seam.js'

export { outcomesOf as send, textOf }

export const brokers = (process.env.WAYBILL_KAFKA_BROKERS ?? '127.0.0.1:9092').split(',')

/** Names of the drivers, and the options that choose them. */
export const drivers: readonly (readonly [string, Partial<KafkaOptions>])[] = [
  ['kafkajs', {}],
  ['@platformatic/kafka', { driver: platformatic() }],
]

const silent = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} }

/** One process of an app, as far as its transport is concerned. */
export interface Party {
  readonly transport: KafkaLog
  readonly host: TransportHost
  readonly states: ConnectionState[]
}

/** The broker seen by a bare client, and everything that a test made, ended behind it. */
export function bed() {
  const client = new Kafka({ brokers, clientId: 'bed', logLevel: logLevel.NOTHING, retry: { retries: 5 } })
  const admin = client.admin()
  const parties: Party[] = []
  const channels: string[] = []
  beforeAll(() => admin.connect())
  afterAll(async () => {
    await Promise.all(parties.map(({ transport }) => transport.close(5_000)))
    await removeTopics(admin, channels)
    await admin.disconnect()
  })

  return {
    client,
    admin,
    channel(): string {
      const name = `k${randomUUID().slice(0, 8)}`
      channels.push(name)

      return name
    },
    /** Made by hand. */
    topic: (topic: string, partitions = 1): Promise<void> => createTopic(admin, topic, partitions),
    /** Resolves when the broker tells of them: kafkajs drops what is sent to a partition that it has not heard of, and says that all went well. */
    async grow(topic: string, count: number): Promise<void> {
      await admin.createPartitions({ topicPartitions: [{ topic, count }] })
      await eventually(async () => (await partitionsOf(admin, topic)) === count && hasLeaders(admin, topic))
    },
    /** Connected, and with that topology. */
    async party(
      topology: readonly ChannelTopology[] = [],
      more: { readonly options?: Partial<KafkaOptions>; readonly app?: string; readonly asks?: boolean; readonly runtime?: Runtime } = {},
    ): Promise<Party> {
      const party = strangers({ ...more.options }, more.app)
      parties.push(party)
      await party.transport.connect({ ...party.host, ...(more.runtime && { runtime: more.runtime }) })
      await party.transport.declare({ channels: topology, asks: more.asks ?? false })

      return party
    },
  }
}

/** Not connected, and not closed by anybody else. */
export function strangers(options: Partial<KafkaOptions> = {}, app = 'shop'): Party {
  const transport = kafka({ brokers, commitInterval: '100ms', sessionTimeout: '6s', ...options })
  const states: ConnectionState[] = []
  transport.onState((state) => states.push(state))

  return { transport, states, host: { app, instance: randomUUID(), namespace: undefined, runtime: systemRuntime, log: silent } }
}

export function channelOf(name: string, groups: readonly string[] = ['billing'], options: ChannelOptions = {}): ChannelTopology {
  return {
    name,
    messages: [{ name: 'order.placed', keyed: true }],
    groups: groups.map((group) => ({ name: group, types: 'all', keyed: true, partitions: options.partitions ?? 1 })),
    options,
  }
}

export function message(to: Destination | string, text: string, parts: OutgoingParts = {}): Outgoing {
  return outgoing(typeof to === 'string' ? { kind: 'channel', channel: to } : to, text, parts)
}

export interface Inbox {
  readonly consumer: Consumer
  readonly received: RawDelivery[]
  /** What the deliveries of one partition were: texts in the order of arrival. */
  texts(): readonly string[]
}

export async function listen({ transport }: Party, subscription: Subscription, take: (delivery: RawDelivery) => void = (delivery) => delivery.settle('ack')): Promise<Inbox> {
  const received: RawDelivery[] = []
  const consumer = await transport.subscribe(subscription, (deliveries) => {
    received.push(...deliveries)
    for (const delivery of deliveries) take(delivery)
  })

  return { consumer, received, texts: () => received.map(textOf) }
}

/** Resolves when the condition holds; fails after the deadline, with what was found. A group may be joined anew meanwhile, which takes seconds. */
export async function eventually(condition: () => boolean | Promise<boolean>, found: () => unknown = () => undefined, withinMs = 15_000): Promise<void> {
  const hold = async (): Promise<void> => {
    if (!(await condition())) throw new Error(`It did not come true. Found: ${JSON.stringify(found())}`)
  }
  await tryUntil(hold, { within: withinMs })
}

/** Resolves when its partitions have leaders: kafkajs' own waiting gives up when a broker has not heard of it yet. */
export async function createTopic(admin: Admin, topic: string, partitions = 1): Promise<void> {
  await admin.createTopics({ topics: [{ topic, numPartitions: partitions }], waitForLeaders: false })
  await eventually(() => hasLeaders(admin, topic))
}

export async function partitionsOf(admin: Admin, topic: string): Promise<number | undefined> {
  const { topics } = await admin.fetchTopicMetadata({ topics: [topic] })

  return topics[0]?.partitions.length
}

async function hasLeaders(admin: Admin, topic: string): Promise<boolean> {
  try {
    const { topics } = await admin.fetchTopicMetadata({ topics: [topic] })

    return topics.every(({ partitions }) => partitions.length > 0 && partitions.every(({ leader }) => leader >= 0))
  } catch {
    return false
  }
}

async function removeTopics(admin: Admin, channels: readonly string[]): Promise<void> {
  const topics = (await admin.listTopics()).filter((topic) => channels.some((channel) => topic === channel || topic.startsWith(`${channel}.`)))
  if (topics.length > 0) await admin.deleteTopics({ topics })
}
