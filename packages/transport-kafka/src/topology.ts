import type { ChannelTopology, Fault, GroupAddress, Topology } from '@waybill/core'
import { ConfigError, unsupportedOption } from '@waybill/core'
import { isDelayTopic, longestWaits, rungOf } from './rungs.js'
import type { TopicTools, WantedTopic } from './topics.js'
import { declareTopics } from './topics.js'

const monthMs = 2_592_000_000
const hourMs = 3_600_000

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

  /** Where a message goes that is for that group alone, and for nobody before `delayMs` have passed. */
  retry(of: GroupAddress, delayMs = 0): string {
    return this.retries(of)[rungOf(delayMs)] as string
  }

  retries(of: GroupAddress): readonly string[] {
    return longestWaits.map((_, rung) => `${this.group(of)}.retry.${rung}`)
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

/** Undefined for an address that no topic of replies has: a query may come from anybody, and its address too. */
export function parseReplyAddress(address: string): { readonly topic: string; readonly instance: string } | undefined {
  const found = /^([a-zA-Z0-9._-]+\.reply)#(.+)$/.exec(address)

  return found ? { topic: found[1] ?? '', instance: found[2] ?? '' } : undefined
}

export interface TopologyTools extends TopicTools {
  readonly names: KafkaNames
}

/** Makes what is missing and compares what is there. Several processes may do it at once. */
export async function declareTopology(tools: TopologyTools, topology: Topology): Promise<void> {
  const { names } = tools
  const faults = topology.channels.flatMap(faultsOf)
  if (faults.length > 0) throw new ConfigError(faults)
  names.learn(topology.channels)
  if (tools.declare === 'none') return
  const channels = topology.channels.map((channel) => channelTopic(names, channel))
  const counts = await declareTopics(tools, channels)
  const own = topology.channels.flatMap((channel) => groupTopics(names, channel, counts.get(names.channel(channel.name)) ?? 1))
  await declareTopics(tools, topology.asks ? [...own, repliesTopic(names)] : own)
}

/** The options of a channel that are for queues. */
export function faultsOf({ name, options }: ChannelTopology): readonly Fault[] {
  const { existing, exchange, queue } = options
  const stated = { queue, exchange, 'existing.exchange': existing?.exchange, 'existing.queue': existing?.queue }
  const found = Object.entries(stated).filter(([, value]) => value !== undefined)

  return found.map(([option]) => unsupportedOption(option, name, 'is for queues, and "kafka" is a log. Use "log", "partitions" or "existing.topic"'))
}

function channelTopic(names: KafkaNames, { name, options }: ChannelTopology): WantedTopic {
  const isForeign = options.existing?.topic !== undefined

  return {
    topic: names.channel(name),
    of: `channel "${name}"`,
    partitions: isForeign ? undefined : options.partitions,
    replication: isForeign ? undefined : options.log?.replication,
    settings: isForeign ? {} : (options.log?.settings ?? {}),
    origin: isForeign ? 'foreign' : 'stated',
  }
}

/** Partition n of the retries belongs to the one that has partition n of the channel, so their numbers are equal. */
function groupTopics(names: KafkaNames, { name, groups, options }: ChannelTopology, partitions: number): WantedTopic[] {
  const replication = options.log?.replication

  return groups.flatMap((group) => {
    const at = { channel: name, group: group.name }
    const common = { of: `group "${group.name}" on channel "${name}"`, replication } as const
    const retries = names.retries(at).map((topic) => ({ ...common, topic, partitions, settings: retrySettings, origin: isDelayTopic(topic) ? 'optional' : 'own' }) as const)

    return [...retries, { ...common, topic: names.dead(at), partitions: 1, settings: deadSettings, origin: 'own' }]
  })
}

// A dead letter is larger than what it came from, by its cause. One that its topic refused would be tried for ever, and hold its partition up.
const roomy = { 'max.message.bytes': '104857600' }
const deadSettings = { 'retention.ms': '-1', ...roomy }
// Longer than the longest wait that core asks for.
const retrySettings = { 'retention.ms': String(monthMs), ...roomy }

function repliesTopic(names: KafkaNames): WantedTopic {
  return { topic: names.replies(), of: 'the replies of this app', partitions: undefined, replication: undefined, settings: { 'retention.ms': String(hourMs) }, origin: 'own' }
}
