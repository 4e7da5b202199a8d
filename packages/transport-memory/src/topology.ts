import { BrokerRefused, type ChannelTopology, ConfigError, type Fault, type GroupTopology, slotOf, slots, type Topology, unsupportedOption } from '@waybill/core'
import type { Broker } from './broker/broker.js'
import type { Exchange } from './broker/exchange.js'
import type { Queue } from './broker/queue.js'
import { faultsOfArguments, type QueueArguments, userArguments } from './broker/rules.js'

/** How channels, groups and messages are called at the broker. These names are the wire: no version changes them. */
export class Layout {
  readonly #prefix: string
  readonly #channels = new Map<string, ChannelTopology>()
  readonly #routingKeys = new Map<string, readonly string[]>()

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

  /** What a message is routed by: its type, and the slot of its key where it has one. */
  routingKey(type: string, key: string | undefined): string {
    if (key === undefined) return type
    // Joined once: a string that was just joined has to be hashed anew for each look-up of a route.
    const keys = this.#routingKeys.get(type) ?? keyedRoutingKeys(type)
    this.#routingKeys.set(type, keys)

    return keys[slotOf(key)] as string
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

  /** The queues of a group's messages with a key, in the order of their partitions. None where no type has a key, and where the queue is somebody else's. */
  keyedQueues(channel: string, group: string): readonly string[] {
    const found = this.#channels.get(channel)
    const of = found?.groups.find((g) => g.name === group)
    if (found === undefined || of === undefined || found.options.existing?.queue !== undefined) return []

    return Array.from({ length: keyedQueueCount(of) }, (_, n) => `${this.#prefix}${channel}.${group}.keyed.${n}`)
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

/** Makes what is missing. Throws with expected and found where the broker has something of another shape. */
export function declare(broker: Broker, layout: Layout, topology: Topology): void {
  const faults = topology.channels.flatMap(faultsOf)
  if (faults.length > 0) throw new ConfigError(faults)
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
  const unkeyed = broker.declareQueue(layout.queue(channel.name, group.name), args)
  const keyed = layout.keyedQueues(channel.name, group.name).map((name) => broker.declareQueue(name, { ...args, 'x-single-active-consumer': true }))
  // One queue takes everything where the routing key tells nothing: a second one would get each message a second time.
  const stated = channel.options.queue?.bindings
  const { types } = group
  const takesAll = types === 'all' || exchange.kind === 'fanout' || exchange.kind === 'headers'
  const first = takesAll ? (keyed[0] ?? unkeyed) : unkeyed
  if (stated && !stated.includes(everything)) exchange.unbind(first, everything)
  for (const routingKey of stated ?? (takesAll ? [everything] : [])) exchange.bind(first, routingKey)
  if (takesAll) return
  for (const type of types) bindType(exchange, type, unkeyed, keyed)
}

/** Both forms, with a key and without: so a message can get a key while old and new versions of a service run. */
function bindType(exchange: Exchange, type: string, unkeyed: Queue, keyed: readonly Queue[]): void {
  exchange.bind(unkeyed, type)
  for (const [slot, key] of keyedRoutingKeys(type).entries()) bindSlot(exchange, key, unkeyed, keyed[slot % keyed.length])
}

/** A slot that leads to two queues of one group would deliver twice, and out of order. */
function bindSlot(exchange: Exchange, key: string, unkeyed: Queue, keyed: Queue | undefined): void {
  const found = exchange.boundTo(key).find((bound) => bound !== keyed && bound.name.startsWith(`${unkeyed.name}.keyed.`))
  // A version from before the key started later than one that knows it: the key's own queue stays the one.
  if (found !== undefined && keyed === undefined) return
  if (found !== undefined) throw spreadDiffers(key, keyed?.name ?? '', found.name)
  exchange.bind(keyed ?? unkeyed, key)
  if (keyed !== undefined) exchange.unbind(unkeyed, key)
}

function spreadDiffers(key: string, expected: string, found: string): BrokerRefused {
  const text = `"${key}" leads to another queue of its group: expected "${expected}", found "${found}". The number of partitions was changed. Drain "${found}", stop the apps that use it and delete it, or go back to the number it was made with.`

  return new BrokerRefused('TOPOLOGY_DIFFERS', text)
}

/** The options of a channel that this broker cannot honour. */
export function faultsOf({ name, groups, options }: ChannelTopology): readonly Fault[] {
  const { existing, log, queue } = options
  const ofLogs = [...(log === undefined ? [] : ['log']), ...(existing?.topic === undefined ? [] : ['existing.topic'])]
  const refused = faultsOfArguments(`Channel "${name}"`, queue?.arguments ?? {}, userArguments)

  return [
    ...refused.map((message) => ({ code: 'UNSUPPORTED_OPTION', message })),
    ...ofLogs.map((option) => unsupportedOption(option, name, 'is for logs, and "memory" has queues. Use "queue", "existing.exchange" or "existing.queue"')),
    ...(existing?.queue === undefined || groups.length < 2 ? [] : [unsupportedOption('existing.queue', name, sharedQueue(existing.queue, groups))]),
  ]
}

function sharedQueue(queue: string, groups: readonly GroupTopology[]): string {
  return `names the queue "${queue}" for ${groups.length} groups (${groups.map((group) => group.name).join(', ')}), which would take each other's messages. Let one group listen`
}

/** One for each slot. */
function keyedRoutingKeys(type: string): readonly string[] {
  return Array.from({ length: slots }, (_, slot) => `${type}.keyed.${slot}`)
}

function missing(what: string): BrokerRefused {
  return new BrokerRefused('NO_SUCH_TOPOLOGY', `${what}, which the memory broker does not have. Declare it there before the app starts, or leave out "existing".`)
}

/** A group that takes every type cannot tell the keyed ones by their routing key: one ordered queue takes them all. */
function keyedQueueCount(group: GroupTopology): number {
  if (!group.keyed) return 0

  return group.types === 'all' ? 1 : group.partitions
}

/** The routing key of who takes all. */
const everything = '#'

/** Far above the budget of retries: it ends only what returns for ever. */
const deliveryLimit = 1_000
