import { type ConnectionEvent, diagnostics } from './diagnostics.js'
import type { Backlog } from './room.js'
import { Sender } from './sender.js'
import type { ChannelOptions } from './channel-options.js'
import type { Definition } from './message.js'
import { ConnectionOutage } from './connection-outage.js'
import type { Capabilities } from './capabilities.js'
import type { ConnectionState, Topology, Transport, TransportHost } from './transport.js'

/** One transport of an app, connected: what it can do, how its connections are, and the way out through it. */
export class Link {
  readonly name: string
  readonly transport: Transport
  readonly sender: Sender
  readonly publishDeadlineMs: number
  readonly #states = new Map<string, ConnectionState>()
  readonly #declared = new Map<string, Promise<void>>()
  readonly #outage: ConnectionOutage
  readonly #watchers: (() => void)[] = []
  #capabilities: Capabilities | undefined

  constructor(name: string, transport: Transport, host: TransportHost, publishDeadlineMs: number, backlog: Backlog) {
    this.name = name
    this.transport = transport
    this.publishDeadlineMs = publishDeadlineMs
    this.sender = new Sender(transport, host.runtime, publishDeadlineMs, backlog)
    this.#outage = new ConnectionOutage(name, host)
    transport.onState((state) => this.#changed(state, host))
  }

  get capabilities(): Capabilities {
    if (!this.#capabilities) throw new Error(`The transport "${this.name}" is not connected yet.`)

    return this.#capabilities
  }

  get states(): readonly ConnectionState[] {
    return [...this.#states.values()]
  }

  /** Calls back whenever a connection is lost, comes back or is otherwise not what it was. */
  watch(watcher: () => void): void {
    this.#watchers.push(watcher)
  }

  async connect(host: TransportHost): Promise<void> {
    this.#capabilities = await this.transport.connect(host)
  }

  async declare(topology: Topology): Promise<void> {
    await this.transport.declare(topology)
    for (const channel of topology.channels) this.#declared.set(channel.name, settled)
  }

  /** What a program publishes without a `@Publisher` for it is declared when it is first used. Undefined: it is there. */
  ensure({ channel, name, keyOf }: Definition, options: ChannelOptions): Promise<void> | undefined {
    const known = this.#declared.get(channel)
    if (known === settled) return undefined

    const messages = [{ name, keyed: keyOf !== undefined }]
    const pending = known ?? this.transport.declare({ channels: [{ name: channel, messages, groups: [], options }], asks: false })
    this.#declared.set(channel, pending)
    pending.then(
      () => this.#declared.set(channel, settled),
      () => this.#declared.delete(channel),
    )

    return pending
  }

  async close(deadlineMs: number): Promise<void> {
    await this.transport.close(deadlineMs)
    this.sender.close()
  }

  #changed(state: ConnectionState, { app, log }: TransportHost): void {
    const before = this.#states.get(state.purpose)
    this.#states.set(state.purpose, state)
    if (diagnostics.connection.hasSubscribers) diagnostics.connection.publish({ app, transport: this.name, ...state } satisfies ConnectionEvent)
    for (const watcher of this.#watchers) watcher()
    if (before?.kind === state.kind && before.reason === state.reason) return

    this.#log(state, before, log)
  }

  #log(state: ConnectionState, before: ConnectionState | undefined, log: TransportHost['log']): void {
    if (state.kind === 'lost') return this.#outage.lost(state, this.#capabilities !== undefined)
    if (state.kind === 'closed') this.#outage.over(state)
    if (state.kind === 'blocked') return log.warn(`${this.name}: ${state.purpose} blocked`, { reason: state.reason })
    if (state.kind === 'connected' && before?.kind === 'blocked') return log.info(`${this.name}: ${state.purpose} not blocked any more`)
    if (state.kind === 'connected') return this.#outage.back(state)
    if (this.#capabilities) log.debug(`${this.name}: ${state.purpose} ${state.kind}`, { reason: state.reason })
  }
}

const settled: Promise<void> = Promise.resolve()
