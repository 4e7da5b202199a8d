import type { ChannelOptions, ChannelTopology, Fault, GroupAddress, Runtime, Topology } from '@waybill/core'
import { BrokerRefused, ConfigError, suggest } from '@waybill/core'
import type { Admin, ITopicConfig } from 'kafkajs'
import { codeOf, sentenceOf, verdictOf } from './broker-error.js'

const patienceMs = 10_000
const pauseMs = 50

/** One topic as this app wants it. `partitions` undefined: as many as it has, 1 where it must be made. */
interface WantedTopic {
  readonly topic: string
  readonly partitions: number | undefined
  readonly replication: number | undefined
  readonly settings: Readonly<Record<string, string>>
}

/** The names of everything on the broker, and how it comes to be there. */
export class KafkaNames {
  readonly #prefix: string
  readonly #app: string
  readonly #existing = new Map<string, string>()

  constructor(app: string, namespace: string | undefined) {
    this.#prefix = namespace === undefined ? '' : `${namespace}.`
    this.#app = app
  }

  learn(channels: readonly ChannelTopology[]): void {
    for (const { name, options } of channels) {
      if (options.existing?.topic !== undefined) this.#existing.set(name, options.existing.topic)
    }
  }

  channel(channel: string): string {
    return this.#existing.get(channel) ?? this.#prefix + channel
  }

  /** The consumer group, and what the names of its own topics begin with. */
  group({ channel, group }: GroupAddress): string {
    return `${this.#prefix}${channel}.${group}`
  }

  retry(of: GroupAddress): string {
    return `${this.group(of)}.retry.0`
  }

  dead(of: GroupAddress): string {
    return `${this.group(of)}.dead`
  }

  replies(): string {
    return `${this.#prefix}${this.#app}.reply`
  }
}

/** A reply address is a topic of replies and, behind `#`, the run of the app that asked. */
export function replyAddress(topic: string, instance: string): string {
  return `${topic}#${instance}`
}

/** Records of such a topic have the asker as their key, which is no subject. */
export function isRepliesTopic(topic: string): boolean {
  return topic.endsWith('.reply')
}

/** Such a topic has the messages that were sent to one group alone. */
export function isRetryTopic(topic: string): boolean {
  return /\.retry\.\d+$/.test(topic)
}

/** Undefined for an address that no topic of replies has: a query may come from anybody, and its address too. */
export function parseReplyAddress(address: string): { readonly topic: string; readonly instance: string } | undefined {
  const found = /^([a-zA-Z0-9._-]+\.reply)#(.+)$/.exec(address)

  return found ? { topic: found[1] ?? '', instance: found[2] ?? '' } : undefined
}

export interface TopologyTools {
  readonly admin: Admin
  readonly names: KafkaNames
  readonly runtime: Runtime
}

/** Makes what is missing and compares what is there. Several processes may do it at once. */
export async function declareTopology({ admin, names, runtime }: TopologyTools, topology: Topology): Promise<void> {
  const faults = topology.channels.flatMap(faultsOf)
  if (faults.length > 0) throw new ConfigError(faults)
  names.learn(topology.channels)
  await declareTopics(
    admin,
    runtime,
    topology.channels.filter(isOurs).map((channel) => channelTopic(names, channel)),
  )
  const counts = await partitionCounts(
    admin,
    topology.channels.map(({ name }) => names.channel(name)),
  )
  const foreign = topology.channels.find(({ name }) => !counts.has(names.channel(name)))
  if (foreign) throw missingTopic(foreign.name, names.channel(foreign.name))
  const own = topology.channels.flatMap((channel) => groupTopics(names, channel, counts.get(names.channel(channel.name)) ?? 1))
  await declareTopics(admin, runtime, topology.asks ? [...own, repliesTopic(names)] : own)
}

/** How many partitions each topic has; those that do not exist are absent. */
export async function partitionCounts(admin: Admin, topics: readonly string[]): Promise<Map<string, number>> {
  const existing = new Set(await admin.listTopics())
  const asked = [...new Set(topics)].filter((topic) => existing.has(topic))
  if (asked.length === 0) return new Map()
  const { topics: found } = await admin.fetchTopicMetadata({ topics: asked })

  return new Map(found.map(({ name, partitions }) => [name, partitions.length]))
}

function isOurs({ options }: ChannelTopology): boolean {
  return options.existing?.topic === undefined
}

function faultsOf({ name, options }: ChannelTopology): Fault[] {
  const fault = (option: string): Fault => ({
    code: 'UNSUPPORTED_OPTION',
    message: `The option "${option}" of channel "${name}" is for queues, and "kafka" is a log. Use "log" or "partitions", or move the channel to another transport.${suggest(option, ['log'])}`,
  })
  const faults: Fault[] = []
  if (options.queue !== undefined) faults.push(fault('queue'))
  if (options.exchange !== undefined) faults.push(fault('exchange'))
  if (options.existing?.exchange !== undefined) faults.push(fault('existing.exchange'))
  if (options.existing?.queue !== undefined) faults.push(fault('existing.queue'))

  return faults
}

function channelTopic(names: KafkaNames, { name, options }: ChannelTopology): WantedTopic {
  return { topic: names.channel(name), partitions: options.partitions, ...logOf(options), settings: options.log?.settings ?? {} }
}

/** Partition n of the retries belongs to the one that has partition n of the channel, so their numbers are equal. */
function groupTopics(names: KafkaNames, { name, groups, options }: ChannelTopology, partitions: number): WantedTopic[] {
  return groups.flatMap((group) => {
    const of = { channel: name, group: group.name }

    return [
      { topic: names.retry(of), partitions, ...logOf(options), settings: roomy },
      { topic: names.dead(of), partitions: 1, ...logOf(options), settings: { 'retention.ms': '-1', ...roomy } },
    ]
  })
}

// A dead letter is larger than what it came from, by its cause. One that its topic refused would be tried for ever, and hold its partition up.
const roomy = { 'max.message.bytes': '104857600' }

function repliesTopic(names: KafkaNames): WantedTopic {
  return { topic: names.replies(), partitions: undefined, replication: undefined, settings: { 'retention.ms': '3600000' } }
}

function logOf(options: ChannelOptions): { readonly replication: number | undefined } {
  return { replication: options.log?.replication }
}

async function declareTopics(admin: Admin, runtime: Runtime, wanted: readonly WantedTopic[]): Promise<void> {
  const existing = new Set(await admin.listTopics())
  for (const topic of wanted) if (!existing.has(topic.topic)) await createTopic(admin, topic)
  const counts = await knownCounts(
    admin,
    runtime,
    wanted.map(({ topic }) => topic),
  )
  for (const topic of wanted) compare(topic, counts.get(topic.topic))
}

/** A topic that was just made, by us or by somebody else, is not known to every broker at once. */
async function knownCounts(admin: Admin, runtime: Runtime, topics: readonly string[]): Promise<Map<string, number>> {
  const end = runtime.elapsed() + patienceMs
  for (;;) {
    try {
      const counts = await partitionCounts(admin, topics)
      if (counts.size === new Set(topics).size) return counts
    } catch (error) {
      if (verdictOf(error) !== 'not-yet') throw error
    }
    if (runtime.elapsed() > end)
      throw new BrokerRefused(
        'TOPIC_MISSING',
        `The topics ${topics.map((topic) => `"${topic}"`).join(', ')} were made and are not all known after ${patienceMs} ms. Look at the cluster.`,
      )
    await new Promise<void>((resolve) => void runtime.after(pauseMs, resolve))
  }
}

async function createTopic(admin: Admin, { topic, partitions, replication, settings }: WantedTopic): Promise<void> {
  const config: ITopicConfig = {
    topic,
    numPartitions: partitions ?? 1,
    replicationFactor: replication ?? -1,
    configEntries: Object.entries(settings).map(([name, value]) => ({ name, value })),
  }
  try {
    await admin.createTopics({ topics: [config], waitForLeaders: false })
  } catch (error) {
    if (codeOf(error) === 'TOPIC_ALREADY_EXISTS') return
    if (verdictOf(error) === 'unknown') throw error
    throw new BrokerRefused('TOPIC_REFUSED', `The topic "${topic}" could not be made: ${sentenceOf(error)}. Make it by hand, or give this user the right to.`, { cause: error })
  }
}

function compare({ topic, partitions }: WantedTopic, found: number | undefined): void {
  if (partitions === undefined || found === undefined || found === partitions) return
  throw new BrokerRefused(
    'TOPIC_DIFFERS',
    `The topic "${topic}" was expected with ${partitions} partitions and has ${found}. ` +
      `State "partitions: ${found}" for its channel, or give the topic ${partitions} (Kafka only ever adds partitions, and keys move when it does).`,
  )
}

function missingTopic(channel: string, topic: string): BrokerRefused {
  return new BrokerRefused(
    'TOPIC_MISSING',
    `Channel "${channel}" uses the existing topic "${topic}", and the broker has none of that name. Create it, or leave "existing" out so that it is made.`,
  )
}
