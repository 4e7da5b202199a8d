import { BrokerRefused, type ChannelTopology, type GroupTopology, slotOf, slots, type Topology } from '@waybill/core'
import type { Broker } from './broker/broker.js'
import type { Exchange } from './broker/exchange.js'
import type { Queue } from './broker/queue.js'
import { faultsOfArguments, type QueueArguments, userArguments } from './broker/rules.js'

/** How channels, groups and messages are called at the broker. These names are the wire: no version changes them. */
export class Layout {
  readonly #prefix: string
  readonly #channels = new Map<string, ChannelTopology>()

  constructor(namespace: string | undefined) {
    this.#prefix = namespace === undefined ? '' : `${namespace}.`
  }

  /** Keeps what is special about a channel: foreign names, partitions. */
  remember(channel: ChannelTopology): void {
    this.#channels.set(channel.name, channel)
  }

  exchange(channel: string): string {
    return this.#channels.get(channel)?.options.existing?.exchange ?? `${this.#prefix}${channel}`
  }

  /** The queue of a group's messages without a key. */
  queue(channel: string, group: string): string {
    return this.#channels.get(channel)?.options.existing?.queue ?? `${this.#prefix}${channel}.${group}`
  }

  deadLetters(channel: string, group: string): string {
    return `${this.#prefix}${channel}.${group}.dead`
  }

  replies(instance: string): string {
    return `${this.#prefix}reply.${instance}`
  }

  /** An address that came with a message may name any queue; only that of a reply is answered. */
  isReplies(address: string): boolean {
    return address.startsWith(`${this.#prefix}reply.`)
  }

  /** The queues of a group's messages with a key. None where one queue takes all: a raw listener's, and one that belongs to somebody else. */
  keyedQueues(channel: string, group: string): readonly string[] {
    const found = this.#channels.get(channel)
    const of = found?.groups.find((g) => g.name === group)
    if (found === undefined || of === undefined || of.types === 'all' || found.options.existing?.queue !== undefined) return []

    return Array.from({ length: of.partitions }, (_, n) => `${this.queue(channel, group)}.keyed.${n}`)
  }

  knows(channel: string, group: string): boolean {
    return this.#channels.get(channel)?.groups.some((g) => g.name === group) ?? false
  }

  /** Where one group alone gets a message. */
  queueOf(channel: string, group: string, key: string | undefined): string {
    const keyed = key === undefined ? [] : this.keyedQueues(channel, group)

    return keyed[slotOf(key ?? '') % Math.max(1, keyed.length)] ?? this.queue(channel, group)
  }
}

export function routingKey(type: string, key: string | undefined): string {
  return key === undefined ? type : keyedRoutingKey(type, slotOf(key))
}

/** Makes what is missing. Throws with expected and found where the broker has something of another shape. */
export function declare(broker: Broker, layout: Layout, topology: Topology): void {
  const faults = topology.channels.flatMap(faultsOfChannel)
  if (faults.length > 0) throw new BrokerRefused('CHANNEL_OPTIONS', faults.join(' '))
  for (const channel of topology.channels) declareChannel(broker, layout, channel)
}

function declareChannel(broker: Broker, layout: Layout, channel: ChannelTopology): void {
  layout.remember(channel)
  const exchange = exchangeOf(broker, layout, channel)
  for (const group of channel.groups) {
    if (channel.options.existing?.queue === undefined) declareGroup(broker, layout, channel, group, exchange)
    else adoptQueue(broker, layout, channel, group)
  }
}

function exchangeOf(broker: Broker, layout: Layout, { name, options }: ChannelTopology): Exchange {
  const physical = layout.exchange(name)
  if (options.existing?.exchange === undefined) return broker.declareExchange(physical, 'topic')
  const found = broker.findExchange(physical)
  if (found === undefined) throw missing(`Channel "${name}" uses the existing exchange "${physical}"`)

  return found
}

function adoptQueue(broker: Broker, layout: Layout, { name }: ChannelTopology, group: GroupTopology): void {
  const physical = layout.queue(name, group.name)
  if (broker.findQueue(physical) === undefined) throw missing(`Channel "${name}" uses the existing queue "${physical}"`)
  broker.declareQueue(layout.deadLetters(name, group.name), {})
}

function declareGroup(broker: Broker, layout: Layout, channel: ChannelTopology, group: GroupTopology, exchange: Exchange): void {
  const dead = layout.deadLetters(channel.name, group.name)
  broker.declareQueue(dead, {})
  const args: QueueArguments = { ...channel.options.queue?.arguments, 'x-delivery-limit': deliveryLimit, 'x-dead-letter-exchange': '', 'x-dead-letter-routing-key': dead }
  const singleFile: QueueArguments = { ...args, 'x-single-active-consumer': true }
  // One queue for everything keeps the order of keys only if one process works on it.
  const queue = broker.declareQueue(layout.queue(channel.name, group.name), group.types === 'all' && group.keyed ? singleFile : args)
  const keyed = layout.keyedQueues(channel.name, group.name).map((name) => broker.declareQueue(name, singleFile))
  bindGroup(exchange, group, queue, keyed)
}

/** Each type in both forms, with a key and without: so a key can be added to a message while old and new versions run. */
function bindGroup(exchange: Exchange, group: GroupTopology, queue: Queue, keyed: readonly Queue[]): void {
  if (group.types === 'all') return exchange.bind(queue, '#')
  // These do not look at the routing key: a second queue would get every message a second time.
  if (exchange.kind === 'fanout' || exchange.kind === 'headers') return exchange.bind(queue, '')
  for (const type of group.types) {
    exchange.bind(queue, type)
    for (let slot = 0; slot < slots; slot++) bindSlot(exchange, keyedRoutingKey(type, slot), queue, keyed[slot % keyed.length] as Queue)
  }
}

/** A slot in two queues of one group would deliver twice, and out of order. */
function bindSlot(exchange: Exchange, key: string, group: Queue, expected: Queue): void {
  const found = exchange.boundTo(key).find((bound) => bound !== expected && bound.name.startsWith(`${group.name}.keyed.`))
  if (found !== undefined) {
    throw new BrokerRefused('TOPOLOGY_DIFFERS', `"${key}" belongs to another queue of its group: expected "${expected.name}", found "${found.name}". The number of partitions was changed: drain "${found.name}", stop the apps that use it and delete it first.`)
  }
  exchange.bind(expected, key)
}

function faultsOfChannel({ name, groups, options }: ChannelTopology): string[] {
  const faults = faultsOfArguments(`Channel "${name}"`, options.queue?.arguments ?? {}, userArguments)
  if (options.log !== undefined) faults.push(`Channel "${name}" has "log" options, which only a log such as Kafka can honour; the memory broker has queues. Remove "log", or use "queue".`)
  if (options.existing?.topic !== undefined) faults.push(`Channel "${name}" uses the existing topic "${options.existing.topic}", but the memory broker has no topics. Name an "exchange" or a "queue".`)
  if (options.existing?.queue !== undefined && groups.length > 1) {
    faults.push(`Channel "${name}" uses the existing queue "${options.existing.queue}" for ${groups.length} groups (${groups.map((g) => g.name).join(', ')}), which would take each other's messages. Let one group listen.`)
  }

  return faults
}

function keyedRoutingKey(type: string, slot: number): string {
  return `${type}.keyed.${slot}`
}

function missing(what: string): BrokerRefused {
  return new BrokerRefused('NO_SUCH_TOPOLOGY', `${what}, which the memory broker does not have. Declare it there before the app starts, or leave out "existing".`)
}

/** Far above the budget of retries: it ends only what returns for ever. */
const deliveryLimit = 1_000
