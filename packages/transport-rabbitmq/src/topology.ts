import { type ChannelOptions, type ChannelTopology, type GroupAddress, type GroupTopology, slotOf, slots, type Topology } from '@waybill/core'
import type { Route } from './wire.js'

/** RabbitMQ 4 drops a message of a quorum queue at the 20th redelivery, and each look at a dead letter is one. */
const deadDeliveryLimit = 1_000_000_000
const deliveryLimit = 1_000

/** The binding of who takes all: on a topic exchange a pattern, on a direct one a word that every message brings along. */
export const everything = '#'

type EntryType = 'direct' | 'topic'

export interface ExchangePlan {
  readonly name: string
  readonly type: EntryType
  /** Somebody else's: checked, never declared. */
  readonly isForeign: boolean
}

/**
 * Says at the broker over how many queues a group spreads its keys. Bindings cannot be read over AMQP, so a changed number would
 * leave the old ones in place and deliver a message twice; this exchange, through which nothing passes, refuses another number.
 */
export interface SharePlan {
  readonly name: string
  readonly queue: string
  readonly partitions: number
}

export interface QueuePlan {
  readonly name: string
  readonly isForeign: boolean
  readonly arguments: Readonly<Record<string, string | number | boolean>>
  readonly bindings: readonly Binding[]
  /** Bindings of an earlier shape of the group that would deliver a message twice. */
  readonly unbindings: readonly Binding[]
}

export interface Binding {
  readonly exchange: string
  readonly routingKey: string
}

export interface TopologyPlan {
  readonly exchanges: readonly ExchangePlan[]
  readonly shares: readonly SharePlan[]
  readonly queues: readonly QueuePlan[]
}

/** Physical names. They are the wire: two versions of an app meet in them. */
export class Names {
  readonly #prefix: string
  readonly #channels = new Map<string, ChannelTopology>()
  /** Per channel and type: one for each slot, and a last one for messages without a key. */
  readonly #routes = new Map<string, Map<string, Route[]>>()

  constructor(namespace: string | undefined) {
    this.#prefix = namespace === undefined ? '' : `${namespace}.`
  }

  /** Remembers what the app says about its channels: which names are somebody else's, how keys are spread. */
  learn(topology: Topology): void {
    for (const channel of topology.channels) {
      this.#channels.set(channel.name, channel)
      this.#routes.delete(channel.name)
    }
  }

  exchange(channel: string): string {
    return this.#options(channel).existing?.exchange ?? this.#prefix + channel
  }

  queue(channel: string, group: string): string {
    return this.#options(channel).existing?.queue ?? `${this.#prefix}${channel}.${group}`
  }

  keyedQueue(channel: string, group: string, partition: number): string {
    return `${this.#prefix}${channel}.${group}.keyed.${partition}`
  }

  deadQueue(channel: string, group: string): string {
    return `${this.#prefix}${channel}.${group}.dead`
  }

  startsQueue(channel: string, group: string): string {
    return `${this.#prefix}${channel}.${group}.starts`
  }

  /** Matches the queues of any group on a channel but those of dead letters; captures what their names begin with. */
  patternOfQueues(channel: string): RegExp {
    return new RegExp(`^(${escaped(this.#prefix + channel)}\\.[a-z0-9-]+)(?:\\.keyed\\.[0-9]+)?$`)
  }

  /** Matches the exchanges that remember how many partitions a group on a channel has. */
  patternOfShares(channel: string): RegExp {
    return new RegExp(`^${escaped(this.#prefix + channel)}\\.[a-z0-9-]+\\.keyed$`)
  }

  /** How a message enters its channel: by its type and the slot of its key, and on a direct exchange by what stands for all of them too. */
  route(channel: string, type: string, key: string | undefined): Route {
    const types = this.#routes.get(channel) ?? new Map<string, Route[]>()
    this.#routes.set(channel, types)
    const routes = types.get(type) ?? this.#routesOf(channel, type)
    types.set(type, routes)

    return routes[key === undefined ? slots : slotOf(key)] as Route
  }

  /** Every queue that a group takes from, the unkeyed one first. */
  queues(channel: string, group: string): string[] {
    const count = this.#partitions(channel, group)

    return [this.queue(channel, group), ...Array.from({ length: count }, (_, n) => this.keyedQueue(channel, group, n))]
  }

  /** The queue of a group in which a message with this key waits. */
  queueOf(channel: string, group: string, key: string | undefined): string {
    const count = key === undefined ? 0 : this.#partitions(channel, group)

    return count === 0 ? this.queue(channel, group) : this.keyedQueue(channel, group, slotOf(key as string) % count)
  }

  #routesOf(channel: string, type: string): Route[] {
    const exchange = this.exchange(channel)
    const isDirect = entryTypeOf(this.#options(channel)) === 'direct'
    const keyed = isDirect ? [everything, anySlot(type)] : undefined
    const slotted = Array.from({ length: slots }, (_, slot) => ({ exchange, routingKey: keyOfSlot(type, slot), copies: keyed }))

    return [...slotted, { exchange, routingKey: type, copies: isDirect ? [everything] : undefined }]
  }

  #options(channel: string): ChannelOptions {
    return this.#channels.get(channel)?.options ?? {}
  }

  #partitions(channel: string, group: string): number {
    const found = this.#channels.get(channel)?.groups.find((g) => g.name === group)

    return found && this.#options(channel).existing?.queue === undefined ? partitionsOf(found) : 0
  }
}

function escaped(name: string): string {
  return name.replaceAll('.', '\\.')
}

/** How messages enter a channel. Matching patterns costs the broker more than all else that it does with a message, so it is not the default. */
export function entryTypeOf({ exchange, existing }: ChannelOptions): EntryType {
  return exchange?.type ?? (existing?.exchange === undefined ? 'direct' : 'topic')
}

/** Everything that the broker must have for this app. */
export function planOf(topology: Topology, names: Names): TopologyPlan {
  const channels = topology.channels

  return {
    exchanges: channels.map((c) => ({ name: names.exchange(c.name), type: entryTypeOf(c.options), isForeign: c.options.existing?.exchange !== undefined })),
    shares: channels.flatMap((channel) => channel.groups.flatMap((group) => sharesOf(channel, group, names))),
    queues: channels.flatMap((channel) => channel.groups.flatMap((group) => queuesOf(channel, group, names))),
  }
}

/** The queues of messages with a key of one group, in their order, if it had so many. */
export function keyedQueuesOf(topology: Topology, names: Names, share: SharePlan, partitions: number): QueuePlan[] {
  const channels = topology.channels.map((channel) => ({
    ...channel,
    groups: channel.groups.filter(({ name }) => names.queue(channel.name, name) === share.queue).map((group) => ({ ...group, partitions })),
  }))

  return planOf({ ...topology, channels }, names).queues.filter(({ name }) => name.startsWith(`${share.name}.`))
}

function sharesOf(channel: ChannelTopology, group: GroupTopology, names: Names): SharePlan[] {
  const partitions = partitionsOf(group)
  if (partitions === 0 || group.types === 'all' || channel.options.existing?.queue !== undefined) return []
  const queue = names.queue(channel.name, group.name)

  return [{ name: `${queue}.keyed`, queue, partitions }]
}

function queuesOf(channel: ChannelTopology, group: GroupTopology, names: Names): QueuePlan[] {
  const dead: QueuePlan = { name: names.deadQueue(channel.name, group.name), isForeign: false, arguments: deadArguments, bindings: [], unbindings: [] }
  const unkeyed = names.queue(channel.name, group.name)
  if (channel.options.existing?.queue !== undefined) return [dead, { name: unkeyed, isForeign: true, arguments: {}, bindings: [], unbindings: [] }]
  const shape = workArguments(channel.options, dead.name)
  const bind = (routingKey: string): Binding => ({ exchange: names.exchange(channel.name), routingKey })
  const entry = entryTypeOf(channel.options)
  const stated = channel.options.queue?.bindings
  const allKeys = allKeysOf(group, entry, stated).map(bind)
  // Whoever took everything before and states its bindings now gets only those.
  const former = group.types === 'all' && stated && !stated.includes(everything) ? [bind(everything)] : []
  const count = partitionsOf(group)
  const plain = group.types === 'all' ? [] : [...group.types, ...(stated ?? [])].map(bind)
  const first: QueuePlan = {
    name: unkeyed,
    isForeign: false,
    arguments: shape,
    bindings: count === 0 ? [...plain, ...allKeys] : plain,
    unbindings: count === 0 ? former : [...allKeys, ...former],
  }
  const keyed = Array.from({ length: count }, (_, n) => ({
    name: names.keyedQueue(channel.name, group.name, n),
    isForeign: false,
    arguments: { ...shape, 'x-single-active-consumer': true },
    bindings: count === 1 ? allKeys : slotsOf(n, count).flatMap((slot) => keysOf(group, slot).map(bind)),
    unbindings: n === 0 ? former : [],
  }))

  return [dead, ...keyed, first]
}

/** Where starts are noted. It is made when it is needed first, and gone a day after it was needed last. */
export function startsPlanOf({ channel, group }: GroupAddress, names: Names): TopologyPlan {
  const queue: QueuePlan = { name: names.startsQueue(channel, group), isForeign: false, arguments: startsArguments, bindings: [], unbindings: [] }

  return { exchanges: [], shares: [], queues: [queue] }
}

/** How many keyed queues. A group that takes all cannot tell keyed types by their routing key: one ordered queue takes everything. */
function partitionsOf(group: GroupTopology): number {
  if (!group.keyed) return 0

  return group.types === 'all' ? 1 : group.partitions
}

function slotsOf(partition: number, count: number): number[] {
  return Array.from({ length: slots }, (_, slot) => slot).filter((slot) => slot % count === partition)
}

/** What leads to one queue whatever the slot. A direct exchange takes it to the letter: each message brings these keys along, beside that of its slot. */
function allKeysOf({ types }: GroupTopology, entry: EntryType, stated: readonly string[] = [everything]): readonly string[] {
  if (types === 'all') return stated

  return types.map((type) => (entry === 'direct' ? anySlot(type) : `${type}.keyed.*`))
}

function keysOf({ types }: GroupTopology, slot: number): string[] {
  return types === 'all' ? [] : types.map((type) => keyOfSlot(type, slot))
}

function keyOfSlot(type: string, slot: number): string {
  return `${type}.keyed.${slot}`
}

function anySlot(type: string): string {
  return `${type}.keyed`
}

const deadArguments = { 'x-queue-type': 'quorum', 'x-delivery-limit': deadDeliveryLimit }

const dayMs = 86_400_000
const startsArguments = {
  'x-queue-type': 'quorum',
  'x-delivery-limit': deadDeliveryLimit,
  'x-message-ttl': dayMs,
  'x-expires': dayMs,
  'x-max-length': 256,
  'x-overflow': 'drop-head',
}

function workArguments(options: ChannelOptions, deadQueue: string): Record<string, string | number | boolean> {
  const type = options.queue?.type ?? 'quorum'

  return {
    'x-queue-type': type,
    'x-dead-letter-exchange': '',
    'x-dead-letter-routing-key': deadQueue,
    'x-overflow': 'reject-publish',
    ...(type === 'quorum' ? { 'x-dead-letter-strategy': 'at-least-once', 'x-delivery-limit': deliveryLimit } : {}),
    ...options.queue?.arguments,
  }
}
