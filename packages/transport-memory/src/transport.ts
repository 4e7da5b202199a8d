import type {
  Capabilities,
  ChannelTopology,
  ConnectionState,
  Consumer,
  DeadLetterAccess,
  Deliver,
  Depth,
  Fault,
  GroupAddress,
  Outgoing,
  Settled,
  Starts,
  Subscription,
  Topology,
  Transport,
  TransportHost,
} from '@waybill/core'
import { BrokerRefused, WaybillError } from '@waybill/core'
import { Connection } from './connection.js'
import { DeadLetters } from './dead-letters.js'
import { depthOf } from './depth.js'
import { type MemoryOptions, type ResolvedOptions, resolveOptions } from './options.js'
import { Publisher } from './publisher.js'
import { StartCounts } from './starts.js'
import { subscribe } from './subscriber.js'
import { declare, faultsOf, Layout } from './topology.js'
import { envelopePrefix } from './wire.js'

/**
 * A transport on a broker inside this process: the rules of a real one, nothing to install, and everything on the app's clock.
 * Never throws; what is wrong with the options is reported at `start`. Messages live as long as the broker does: with a `folder` beyond the process, else as long as it at most.
 */
export function memory(options: MemoryOptions = {}): Transport {
  return new MemoryTransport(resolveOptions(options))
}

class MemoryTransport implements Transport {
  readonly name = 'memory'
  readonly faults: readonly Fault[]
  readonly dead: DeadLetterAccess = {
    list: async (of, limit) => this.#connected('dead.list').dead.list(of, limit),
    take: async (of, limit, decide) => this.#connected('dead.take').dead.take(of, limit, decide),
  }
  readonly starts: Starts = {
    begin: async (of, delivery) => this.#connected('starts.begin').starts.begin(of, delivery),
    ended: async (of, delivery, left) => this.#connected('starts.ended').starts.ended(of, delivery, left),
  }
  readonly #options: ResolvedOptions
  readonly #connection: Connection
  #parts: Parts | undefined

  constructor(options: ResolvedOptions) {
    this.faults = options.faults
    this.#options = options
    this.#connection = new Connection(options.broker)
  }

  check(channels: readonly ChannelTopology[]): readonly Fault[] {
    return channels.flatMap(faultsOf)
  }

  async connect(host: TransportHost): Promise<Capabilities> {
    const layout = new Layout(host.namespace)
    this.#parts = {
      host,
      layout,
      publisher: new Publisher(this.#options.broker, this.#connection, layout, host.runtime),
      dead: new DeadLetters(this.#options.broker, this.#connection, layout),
      starts: new StartCounts(this.#options.broker, layout),
    }
    if (this.#options.broker.isKept) await this.#options.broker.open(host)
    await this.#connection.connect(host)

    return { ...capabilities, isShared: !this.#options.ownsBroker }
  }

  async declare(topology: Topology): Promise<void> {
    const { layout } = this.#connected('declare')
    await this.#connection.established()
    declare(this.#options.broker, layout, topology)
    if (this.#options.broker.isKept) await this.#options.broker.keepTopology()
  }

  publish(batch: readonly Outgoing[], settled: Settled): void {
    if (this.#parts !== undefined) return this.#parts.publisher.publish(batch, settled)
    for (let i = 0; i < batch.length; i++) settled(i, { kind: 'rejected', reason: 'the memory transport has never been connected' })
  }

  get writable(): boolean {
    return this.#connection.isWritable
  }

  onWritable(go: () => void): void {
    this.#connection.onWritable(go)
  }

  onState(listener: (state: ConnectionState) => void): void {
    this.#connection.onState(listener)
  }

  async subscribe(subscription: Subscription, deliver: Deliver): Promise<Consumer> {
    const { layout, host } = this.#connected('subscribe')
    await this.#connection.established()

    return subscribe({ broker: this.#options.broker, connection: this.#connection, layout, host }, subscription, deliver)
  }

  async depth(of: GroupAddress): Promise<Depth> {
    const { layout } = this.#connected('depth')
    if (this.#connection.session === undefined)
      throw new WaybillError(
        'NOT_CONNECTED',
        `How much waits for group "${of.group}" on "${of.channel}" cannot be told: there is no connection to the memory broker. Ask again when it is back.`,
      )

    return depthOf(this.#options.broker, layout, of)
  }

  // Nothing takes long in a process, so the deadline is never needed.
  async close(_deadlineMs: number): Promise<void> {
    const { broker, ownsBroker } = this.#options
    if (broker.isKept) await this.#connection.flush()
    this.#connection.close()
    if (ownsBroker) broker.stop()
    if (ownsBroker && broker.isKept) await broker.close()
  }

  #connected(method: string): Parts {
    if (this.#parts === undefined) throw new BrokerRefused('NOT_CONNECTED', `"${method}" of the memory transport was called before "connect". Start the app first.`)

    return this.#parts
  }
}

/** What needs to know the app. */
interface Parts {
  readonly host: TransportHost
  readonly layout: Layout
  readonly publisher: Publisher
  readonly dead: DeadLetters
  readonly starts: StartCounts
}

const capabilities: Omit<Capabilities, 'isShared'> = Object.freeze({
  broker: 'memory broker',
  kind: 'queue',
  envelopePrefix,
  unroutable: true,
  keyOrder: true,
  delay: true,
  groupDelay: true,
  expiry: true,
  priority: true,
  deliveryCount: true,
  starts: true,
  replay: false,
  replies: true,
  maxBodyBytes: undefined,
})
