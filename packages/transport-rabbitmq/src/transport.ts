import {
  type Capabilities,
  type ChannelTopology,
  ConfigError,
  type ConnectionState,
  type Consumer,
  type DeadLetterAccess,
  type Deliver,
  type Depth,
  type Fault,
  type GroupAddress,
  type Outgoing,
  type Settled,
  type Starts,
  type Subscription,
  type Topology,
  type Transport,
  type TransportHost,
  WaybillError,
} from '@waybill/core'
import { faultsOf } from './channel-faults.js'
import { Connection } from './connection.js'
import { DeadLetters } from './dead-letters.js'
import { Declarations } from './declarations.js'
import { Delays } from './delays.js'
import { depthOf } from './depth.js'
import type { Model } from './driver.js'
import { type RabbitOptions, type ResolvedOptions, resolveOptions } from './options.js'
import { guarded, Publisher } from './publisher.js'
import { replyCodeOf, sentenceOf } from './refusal.js'
import { Replies } from './replies.js'
import { StartCounts } from './starts.js'
import { Subscriber } from './subscriber.js'
import { Names } from './topology.js'
import { RabbitTopology } from './topology-access.js'
import { envelopePrefix, type Route } from './wire.js'

/** So often an exchange is bound again, at the most: what was unbound may be unbound by a program. */
const bindEveryMs = 5_000

/** RabbitMQ as a transport. Never throws: what is wrong with the options is told at `start`. */
export function rabbitmq(options: RabbitOptions = {}): Transport {
  return new RabbitTransport(resolveOptions(options))
}

class RabbitTransport implements Transport {
  readonly name = 'rabbitmq'
  readonly faults: readonly Fault[]
  readonly dead: DeadLetterAccess
  readonly starts: Starts
  readonly topology: RabbitTopology
  readonly #options: ResolvedOptions
  readonly #consumers = new Set<Subscriber | Replies>()
  /** Queues that are being made again, and exchanges that were bound again just now. */
  readonly #awaited = new Set<string>()
  #parts: Parts | undefined
  #tell: (state: ConnectionState) => void = () => undefined
  #go: () => void = () => undefined
  #waiting: { resolve: (model: Model) => void; reject: (error: Error) => void }[] = []
  #restored: (() => void)[] = []
  #isDeclared = false
  #maxBodyBytes = Number.POSITIVE_INFINITY
  #closing: Promise<void> | undefined

  constructor(options: ResolvedOptions) {
    this.#options = options
    this.faults = options.faults
    this.topology = new RabbitTopology(options)
    this.dead = { list: (of, limit) => this.#letters().list(of, limit), take: (of, limit, decide) => this.#letters().take(of, limit, decide) }
    this.starts = {
      begin: async (of, delivery) => (await this.#parts?.starts.begin(of, delivery)) ?? 0,
      ended: async (of, delivery, left) => this.#parts?.starts.ended(of, delivery, left),
    }
  }

  check(channels: readonly ChannelTopology[]): readonly Fault[] {
    return channels.flatMap(faultsOf)
  }

  async connect(host: TransportHost): Promise<Capabilities> {
    if (this.#closing) throw closed('connect')
    this.#parts = this.#assemble(host)
    const { administration, consuming, delays, publisher, publishing } = this.#parts
    try {
      const [model] = await Promise.all([publishing.open(), consuming.open(), administration.open(), publisher.start(), delays.start()])
      const capabilities = capabilitiesOf(model, this.#options.declare === 'create')
      this.#maxBodyBytes = capabilities.maxBodyBytes ?? this.#maxBodyBytes

      return capabilities
    } catch (error) {
      await this.close(0)
      throw error
    }
  }

  async declare(topology: Topology): Promise<void> {
    const { declarations, host } = this.#connected('declare')
    const faults = this.check(topology.channels)
    if (faults.length > 0) throw new ConfigError(faults)
    const plan = declarations.learn(topology)
    for (;;) {
      const model = await this.#whenReady()
      try {
        await declarations.declare(model, plan)
        this.#isDeclared = true
        if (plan.queues.length > 0) await this.topology.tell({ host, topology }, model)

        return
      } catch (error) {
        // Without a code of the broker's it was the connection that was lost: once more on the next one.
        if (error instanceof WaybillError || replyCodeOf(error) !== undefined || this.#closing) throw error
      }
    }
  }

  publish(batch: readonly Outgoing[], settled: Settled): void {
    if (this.#parts) return batch.some(isDelayed) ? this.#publishApart(this.#parts, batch, settled) : this.#parts.publisher.publish(batch, settled)
    for (let index = 0; index < batch.length; index++) settled(index, { kind: 'rejected', reason: 'there is no connection to RabbitMQ yet' })
  }

  get writable(): boolean {
    return this.#parts?.publisher.writable ?? false
  }

  onWritable(go: () => void): void {
    this.#go = go
  }

  onState(listener: (state: ConnectionState) => void): void {
    this.#tell = listener
  }

  async subscribe(subscription: Subscription, deliver: Deliver): Promise<Consumer> {
    const { consuming, declarations, host, names, publisher, publishing } = this.#connected('subscribe')
    const stopped = (consumer: Subscriber | Replies) => this.#consumers.delete(consumer)
    const consumer =
      subscription.kind === 'replies'
        ? new Replies({ host, connection: publishing, publisher, deliver, stopped })
        : new Subscriber({
            label: `group "${subscription.group}" on channel "${subscription.channel}"`,
            channel: subscription.channel,
            queues: names.queues(subscription.channel, subscription.group),
            window: subscription.window,
            host,
            connection: consuming,
            declarations,
            deliver,
            stopped,
          })
    this.#consumers.add(consumer)
    await consumer.start()

    return consumer
  }

  async depth(of: GroupAddress): Promise<Depth> {
    const { consuming, names } = this.#connected('depth')

    return depthOf(consuming, names, of)
  }

  close(deadlineMs: number): Promise<void> {
    this.#closing ??= this.#close(deadlineMs)

    return this.#closing
  }

  async #close(deadlineMs: number): Promise<void> {
    for (const { reject } of this.#waiting.splice(0)) reject(closed('declare'))
    for (const resolve of this.#restored.splice(0)) resolve()
    if (!this.#parts) return
    this.#parts.starts.close()
    const { administration, consuming, delays, host, publisher, publishing } = this.#parts
    const end = host.runtime.elapsed() + deadlineMs
    const restMs = () => Math.max(0, end - host.runtime.elapsed())
    // Gathered acks leave first; a broker that does not answer costs no more than the deadline.
    await within(host, restMs(), Promise.all([...this.#consumers].filter((c) => c instanceof Subscriber).map((c) => c.stop())))
    await Promise.all([publisher.close(restMs()), delays.close(restMs())])
    await within(host, restMs(), Promise.all([...this.#consumers].map((c) => c.stop())))
    await Promise.all([publishing, consuming, administration].map((connection) => connection.close(restMs())))
  }

  #assemble(host: TransportHost): Parts {
    const names = new Names(host.namespace)
    const declarations = new Declarations({ host, names, mode: this.#options.declare, survey: this.topology.survey })
    const connected = { host, endpoints: this.#options.endpoints, tell: (state: ConnectionState) => this.#told(state, host) }
    const consuming: Connection = new Connection({
      ...connected,
      purpose: 'consuming',
      prepare: async (model) => {
        if (this.#isDeclared) await declarations.restore(model)
      },
      ready: () => this.#consumingReady(),
    })
    const publishing: Connection = new Connection({
      ...connected,
      purpose: 'publishing',
      // A broker that came back empty closes the channel at the first message to an exchange that is not declared again yet.
      prepare: async () => {
        if (this.#isDeclared) await this.#whenRestored()
      },
      ready: () => this.#publishingReady(),
    })
    const administration: Connection = new Connection({
      ...connected,
      purpose: 'administration',
      prepare: () => Promise.resolve(),
      ready: () => this.#administrationReady(),
    })
    const delays = new Delays({ host, names, connection: publishing, model: () => this.#whenReady() })
    const publisher = this.#publisherOn({ host, names, connection: publishing })
    const starts = new StartCounts({ host, names, declarations, connection: publishing })

    return { host, starts, names, declarations, consuming, publishing, administration, publisher, delays, letters: new DeadLetters(() => administration, names, host) }
  }

  #publisherOn(parts: Pick<Parts, 'host' | 'names'> & { readonly connection: Connection }): Publisher {
    const publisher = new Publisher({
      ...parts,
      maxBodyBytes: () => this.#maxBodyBytes,
      refused: (reason) => this.#redeclare(reason),
      missing: (queue) => this.#putBack(queue),
      unrouted: (route) => this.#bindAgain(route),
    })
    publisher.onWritable(() => this.#go())

    return publisher
  }

  #publishApart({ delays, host, publisher }: Parts, batch: readonly Outgoing[], settled: Settled): void {
    const safe = guarded(settled, host)
    const at = batch.flatMap((message, index) => (isDelayed(message) ? [] : [index]))
    publisher.publish(
      at.map((index) => batch[index] as Outgoing),
      (index, outcome) => safe(at[index] as number, outcome),
    )
    for (const [index, message] of batch.entries()) if (isDelayed(message)) delays.publish(message, index, safe)
  }

  #told(state: ConnectionState, host: TransportHost): void {
    try {
      this.#tell(state)
    } catch (error) {
      host.log.error(`The callback for the state of a connection threw: ${String(error)}.`)
    }
  }

  #administrationReady(): void {
    const model = this.#parts?.administration.model
    if (model) for (const { resolve } of this.#waiting.splice(0)) resolve(model)
  }

  #consumingReady(): void {
    for (const resolve of this.#restored.splice(0)) resolve()
    for (const consumer of this.#consumers) consumer.revive()
  }

  #publishingReady(): void {
    this.#parts?.publisher.revive()
    this.#parts?.delays.revive()
    this.#parts?.starts.revive()
    for (const consumer of this.#consumers) consumer.revive()
  }

  #redeclare(reason: string): void {
    if (reason.includes('NOT_FOUND')) this.#restore()
  }

  #restore(): void {
    const model = this.#parts?.administration.model
    if (!model) return
    this.#parts?.declarations.restore(model).catch((error: unknown) => {
      this.#parts?.host.log.warn(`The topology could not be declared again: ${String(error)}. It is tried with the next connection.`)
    })
  }

  /** What this app binds itself has been unbound by somebody: the next message finds its way. */
  #bindAgain({ exchange, routingKey }: Route): void {
    const { declarations, host } = this.#parts ?? {}
    if (!host || !declarations?.binds(exchange, routingKey) || this.#awaited.has(exchange)) return
    this.#awaited.add(exchange)
    host.runtime.after(bindEveryMs, () => this.#awaited.delete(exchange))
    host.log.warn(`Exchange "${exchange}" led a message with routing key "${routingKey}" nowhere, though this app binds a queue for it: it is bound again.`)
    this.#restore()
  }

  /** The next try of the dead letter finds it. */
  #putBack(queue: string): void {
    const { administration, declarations, host } = this.#parts ?? {}
    if (!administration?.model || !declarations || this.#awaited.has(queue)) return
    this.#awaited.add(queue)
    declarations
      .ensure(administration.model, queue)
      .catch((error: unknown) => host?.log.warn(`Queue "${queue}" is gone and could not be made again: ${sentenceOf(error)} It is tried with the next dead letter.`))
      .finally(() => this.#awaited.delete(queue))
  }

  /** What is published on has to be there again, which the consuming connection sees to. */
  #whenRestored(): Promise<void> {
    if (this.#parts?.consuming.model || this.#closing) return Promise.resolve()

    return new Promise((resolve) => this.#restored.push(resolve))
  }

  /** A connection of its own declares: a memory alarm stops the broker from reading the publishing one, and what a declaration costs, no consumer pays. */
  #whenReady(): Promise<Model> {
    const model = this.#parts?.administration.model
    if (model) return Promise.resolve(model)
    if (this.#closing) return Promise.reject(closed('declare'))

    return new Promise((resolve, reject) => this.#waiting.push({ resolve, reject }))
  }

  #connected(what: string): Parts {
    if (!this.#parts || this.#closing) throw closed(what)

    return this.#parts
  }

  #letters(): DeadLetters {
    return this.#connected('read dead letters').letters
  }
}

interface Parts {
  readonly host: TransportHost
  readonly names: Names
  readonly declarations: Declarations
  readonly consuming: Connection
  readonly publishing: Connection
  readonly administration: Connection
  readonly publisher: Publisher
  readonly delays: Delays
  readonly letters: DeadLetters
  readonly starts: StartCounts
}

function capabilitiesOf(model: Model, hasLadder: boolean): Capabilities {
  const { product, version } = model.connection.serverProperties

  return {
    broker: `${product} ${version}`,
    kind: 'queue',
    envelopePrefix,
    unroutable: true,
    keyOrder: true,
    delay: hasLadder,
    groupDelay: hasLadder,
    expiry: true,
    priority: 'stated',
    deliveryCount: true,
    starts: true,
    replay: false,
    isShared: true,
    replies: true,
    // The broker's default, which it tells nobody: a larger body closes the channel for everybody.
    maxBodyBytes: Number.parseInt(version, 10) >= 4 ? 16_777_216 : 134_217_728,
  }
}

function isDelayed({ delayMs }: Outgoing): boolean {
  return delayMs !== undefined && delayMs > 0
}

function closed(what: string): WaybillError {
  return new WaybillError('NOT_CONNECTED', `The RabbitMQ transport cannot ${what}: it is not connected, or it was closed. Connect it first; once closed, make a new one.`)
}

function within(host: TransportHost, deadlineMs: number, work: Promise<unknown>): Promise<void> {
  return new Promise((resolve) => {
    const cancel = host.runtime.after(deadlineMs, resolve)
    void work.finally(() => {
      cancel()
      resolve()
    })
  })
}
