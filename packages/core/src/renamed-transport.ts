import type { Capabilities } from './capabilities.js'
import type {
  ChannelTopology,
  ConnectionState,
  Consumer,
  DeadLetterAccess,
  Deliver,
  Depth,
  Destination,
  GroupAddress,
  Outgoing,
  Settled,
  Starts,
  Subscription,
  Topology,
  Transport,
  TransportHost,
} from './transport.js'
import type { Fault } from './fault.js'
import type { TopologyAccess, TopologyOfHost } from './topology-access.js'

type NameOf = (channel: string) => string

/** A transport to which channels are known by the names that the app states for them. Everybody else says the channel's own name. */
export class RenamedTransport implements Transport {
  readonly name: string
  readonly faults: readonly Fault[]
  readonly dead: DeadLetterAccess
  readonly starts: Starts | undefined
  readonly topology: TopologyAccess | undefined
  readonly #inner: Transport
  readonly #nameOf: NameOf

  constructor(inner: Transport, nameOf: NameOf) {
    this.name = inner.name
    this.faults = inner.faults
    this.#inner = inner
    this.#nameOf = nameOf
    this.topology = inner.topology && this.#access(inner.topology)
    this.dead = {
      list: (of, limit) => inner.dead.list(this.#renamed(of), limit),
      take: (of, limit, decide) => inner.dead.take(this.#renamed(of), limit, decide),
    }
    const { starts } = inner
    this.starts = starts && {
      begin: (of, delivery) => starts.begin(this.#renamed(of), delivery),
      ended: (of, delivery, left) => starts.ended(this.#renamed(of), delivery, left),
    }
  }

  get writable(): boolean {
    return this.#inner.writable
  }

  /** What it says is for people, who know the channel by its own name. */
  check(channels: readonly ChannelTopology[]): readonly Fault[] {
    return this.#inner.check(channels)
  }

  connect(host: TransportHost): Promise<Capabilities> {
    return this.#inner.connect(host)
  }

  declare(topology: Topology): Promise<void> {
    return this.#inner.declare(this.#known(topology))
  }

  publish(batch: readonly Outgoing[], settled: Settled): void {
    this.#inner.publish(
      batch.map((outgoing) => ({ ...outgoing, to: this.#destination(outgoing.to) })),
      settled,
    )
  }

  onWritable(go: () => void): void {
    this.#inner.onWritable(go)
  }

  onState(listener: (state: ConnectionState) => void): void {
    this.#inner.onState(listener)
  }

  subscribe(subscription: Subscription, deliver: Deliver): Promise<Consumer> {
    return this.#inner.subscribe(subscription.kind === 'group' ? this.#renamed(subscription) : subscription, deliver)
  }

  depth(of: GroupAddress): Promise<Depth> {
    return this.#inner.depth(this.#renamed(of))
  }

  close(deadlineMs: number): Promise<void> {
    return this.#inner.close(deadlineMs)
  }

  #access(inner: TopologyAccess): TopologyAccess {
    const known = ({ host, topology }: TopologyOfHost): TopologyOfHost => ({ host, topology: this.#known(topology) })

    return {
      difference: (of) => inner.difference(known(of)),
      unused: (of) => inner.unused(known(of)),
      remove: (of, things, options) => inner.remove(known(of), things, options),
      migrate: (of, parts) => inner.migrate(known(of), parts),
    }
  }

  #known({ asks, channels }: Topology): Topology {
    return { asks, channels: channels.map((channel) => ({ ...channel, name: this.#nameOf(channel.name) })) }
  }

  #destination(to: Destination): Destination {
    return to.kind === 'reply' ? to : this.#renamed(to)
  }

  #renamed<T extends GroupAddress | { readonly channel: string }>(of: T): T {
    return { ...of, channel: this.#nameOf(of.channel) }
  }
}
