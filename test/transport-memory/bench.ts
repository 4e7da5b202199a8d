import type {
  ChannelOptions,
  ConnectionState,
  Consumer,
  Destination,
  GroupTopology,
  LogFields,
  Logger,
  Outgoing,
  PublishOutcome,
  RawDelivery,
  Topology,
  Transport,
} from '@waybill/core'
import { memory, memoryBroker, type MemoryBroker, type MemoryBrokerOptions } from '@waybill/transport-memory'
import { outgoing, textOf } from '../setup/seam.js'
import { VirtualRuntime } from './virtual-runtime.js'

/** A broker on a clock that stands still, and the apps that use it. */
export class Bench {
  readonly runtime = new VirtualRuntime()
  readonly broker: MemoryBroker
  readonly log: string[] = []

  constructor(options: MemoryBrokerOptions = {}) {
    this.broker = memoryBroker(options)
  }

  /** A connected app. */
  async app(name = 'shop', parts: { readonly namespace?: string; readonly instance?: string } = {}): Promise<Peer> {
    const peer = this.unconnected(name, parts)
    await peer.connect()

    return peer
  }

  unconnected(name = 'shop', parts: { readonly namespace?: string; readonly instance?: string } = {}): Peer {
    return new Peer(this, memory({ broker: this.broker }), {
      app: name,
      instance: parts.instance ?? this.runtime.id(),
      namespace: parts.namespace,
      runtime: this.runtime,
      log: this.#logger(),
    })
  }

  /** What a queue holds, by name. */
  queue(name: string): { readonly waiting: number; readonly delayed: number; readonly unsettled: number; readonly consumers: number } {
    const found = this.broker.queues().find((queue) => queue.name === name)
    if (!found)
      throw new Error(
        `There is no queue "${name}", only ${this.broker
          .queues()
          .map((q) => q.name)
          .join(', ')}.`,
      )
    const { waiting, delayed, unsettled, consumers } = found

    return { waiting, delayed, unsettled, consumers }
  }

  #logger(): Logger {
    const note = (text: string, fields?: LogFields): void => void this.log.push(`${text} ${JSON.stringify(fields ?? {})}`)

    return { debug: note, info: note, warn: note, error: note }
  }
}

type Host = Parameters<Transport['connect']>[0]

/** One app's end of the port, used as core uses it. */
export class Peer {
  readonly states: ConnectionState[] = []
  /** How often it was told that it can write again. */
  writableCalls = 0

  constructor(
    readonly bench: Bench,
    readonly transport: Transport,
    readonly host: Host,
  ) {
    transport.onState((state) => this.states.push(state))
    transport.onWritable(() => this.writableCalls++)
  }

  get kinds(): readonly string[] {
    return this.states.map((state) => state.kind)
  }

  async connect(): Promise<void> {
    await this.transport.connect(this.host)
  }

  async declare(...groups: readonly Partial<GroupTopology>[]): Promise<void> {
    await this.declareWith({}, ...groups)
  }

  async declareWith(options: ChannelOptions, ...groups: readonly Partial<GroupTopology>[]): Promise<void> {
    await this.transport.declare(topology(options, groups))
  }

  /** Gives a batch and ends the turn. */
  publish(...batch: readonly Outgoing[]): readonly PublishOutcome['kind'][] {
    const outcomes = this.give(...batch)
    this.bench.runtime.settle()

    return outcomes.map((outcome) => outcome.kind)
  }

  /** Gives a batch; the outcomes appear in the list when they are told. */
  give(...batch: readonly Outgoing[]): PublishOutcome[] {
    const outcomes: PublishOutcome[] = []
    const settled = new Set<number>()
    this.transport.publish(batch, (index, outcome) => {
      if (settled.has(index)) throw new Error(`Index ${index} was settled twice.`)
      settled.add(index)
      outcomes[index] = outcome
    })

    return outcomes
  }

  /** Takes the messages of a group and keeps them unsettled. */
  async listen(group = 'billing', window = 100): Promise<Receiver> {
    const receiver = new Receiver()
    receiver.consumer = await this.transport.subscribe({ kind: 'group', channel: 'orders', group, window }, receiver.take)
    this.bench.runtime.settle()

    return receiver
  }

  async listenToReplies(): Promise<Receiver> {
    const receiver = new Receiver()
    receiver.consumer = await this.transport.subscribe({ kind: 'replies' }, receiver.take)

    return receiver
  }
}

/** Notes what is delivered. */
export class Receiver {
  readonly received: RawDelivery[] = []
  readonly batches: number[] = []
  consumer!: Consumer

  readonly take = (deliveries: readonly RawDelivery[]): void => {
    this.batches.push(deliveries.length)
    this.received.push(...deliveries)
  }

  get texts(): readonly string[] {
    return this.received.map(textOf)
  }
}

interface Parts extends Partial<Omit<Outgoing, 'envelope' | 'to'>> {
  readonly type?: string
  readonly key?: string
}

const orders: Destination = { kind: 'channel', channel: 'orders' }

/** An `order.placed` on channel `orders`, with this text as its body. */
export function message(text: string, parts: Parts = {}, to: Destination = orders): Outgoing {
  const { type = 'order.placed', ...rest } = parts
  const made = outgoing(to, text, { ...rest, id: text })

  return { ...made, envelope: { ...made.envelope, type, source: '/shop/orders', time: '2026-01-01T00:00:00.000Z' } }
}

export function messages(count: number, parts: Parts = {}): readonly Outgoing[] {
  return Array.from({ length: count }, (_, index) => message(String(index), parts))
}

function topology(options: ChannelOptions, groups: readonly Partial<GroupTopology>[]): Topology {
  const resolved = (groups.length > 0 ? groups : [{}]).map((group) => ({ name: 'billing', types: ['order.placed'], keyed: true, partitions: 1, ...group }))

  return { asks: false, channels: [{ name: 'orders', messages: [{ name: 'order.placed', keyed: true }], groups: resolved, options }] }
}
