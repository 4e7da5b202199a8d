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
  RawDelivery,
  Settled,
  Subscription,
  Topology,
  Transport,
  TransportHost,
} from '@waybill/core'
import { BrokerRefused, WaybillError } from '@waybill/core'
import { sentenceOf } from './broker-error.js'
import { Connection } from './connection.js'
import { KafkaDeadLetters } from './dead-letters.js'
import { depthOf } from './depth.js'
import type { KafkaClient, KafkaDriver } from './driver.js'
import { kafkajs } from './kafkajs/driver.js'
import { LogReader } from './log-reader.js'
import type { KafkaOptions, ResolvedOptions } from './options.js'
import { driverIn, resolveOptions } from './options.js'
import { pause } from './pause.js'
import { KafkaPublisher } from './publisher.js'
import type { ReplayRange, ReplayTools } from './replay.js'
import { replay, seek } from './replay.js'
import { isDelayTopic } from './rungs.js'
import { beginAt } from './start.js'
import { SharedTurns } from './shared-turns.js'
import type { SubscriberOptions } from './subscriber.js'
import { KafkaSubscriber } from './subscriber.js'
import type { TopologyTools } from './topology.js'
import { declareTopology, faultsOf, KafkaNames, replyAddress } from './topology.js'
import { envelopePrefix } from './wire.js'

const replyWindow = 1_000
const closeReserveMs = 500

/** Kafka as a transport, and what only a log can do. */
export interface KafkaLog extends Transport {
  /**
   * Lets a group read its channel anew from there. Nothing is lost or sent: what lies between is skipped, or comes again.
   * Rejects with `GROUP_RUNS` while a process of the group is attached.
   */
  seek(of: GroupAddress, to: 'first' | 'last' | Date): Promise<void>
  /**
   * Sends that group alone a copy of each message that its channel kept from a stretch of time, while the group goes on.
   * Resolves with how many. Rejects with `REPLAY_STOPPED`, and where, when the broker does not take one; those before it are sent.
   */
  replay(of: GroupAddress, range: ReplayRange): Promise<number>
}

/** Apache Kafka, through kafkajs or another driver. Never throws: what is wrong with the options is reported at `start`. */
export function kafka(options: KafkaOptions): KafkaLog {
  return new KafkaTransport(options)
}

/** What exists between `connect` and `close`. */
interface Session {
  readonly host: TransportHost
  readonly connection: Connection
  readonly names: KafkaNames
  readonly publisher: KafkaPublisher
  readonly reader: LogReader
  readonly turns: SharedTurns
  readonly dead: KafkaDeadLetters
  readonly subscribers: Set<KafkaSubscriber>
  readonly replyGroups: string[]
  declared: Topology | undefined
}

class KafkaTransport implements KafkaLog {
  readonly name = 'kafka'
  readonly faults: readonly Fault[]
  readonly dead: DeadLetterAccess
  readonly starts = undefined
  readonly #options: ResolvedOptions
  readonly #driver: KafkaDriver
  #opening: Promise<KafkaClient> | undefined
  #session: Session | undefined
  #closing: Promise<void> | undefined
  #go: () => void = () => {}
  #tell: (state: ConnectionState) => void = () => {}

  constructor(given: KafkaOptions) {
    const { options, faults } = resolveOptions(given)
    this.#options = options
    this.#driver = driverIn(given) ?? kafkajs()
    this.faults = faults
    this.dead = {
      list: (of: GroupAddress, limit: number) => this.#open().dead.list(of, limit),
      take: (of: GroupAddress, limit: number, decide: (letter: RawDelivery) => Promise<'remove' | 'keep' | 'stop'>) => this.#open().dead.take(of, limit, decide),
    }
  }

  check(channels: readonly ChannelTopology[]): readonly Fault[] {
    return channels.flatMap(faultsOf)
  }

  async connect(host: TransportHost): Promise<Capabilities> {
    if (this.#closing) throw closedError()
    this.#opening ??= this.#driver.open(this.#options, host)
    const client = await this.#opening
    if (this.#closing) throw closedError()
    this.#session ??= this.#begin(host, client)
    const broker = await this.#session.connection.connect()
    this.#session.publisher.restored()

    return capabilitiesOf(broker)
  }

  async declare(topology: Topology): Promise<void> {
    const session = this.#open()
    await declareTopology(toolsOf(session, this.#options), topology)
    session.declared = joined(session.declared, topology)
  }

  publish(batch: readonly Outgoing[], settled: Settled): void {
    const publisher = this.#session?.publisher
    if (publisher) return publisher.publish(batch, settled)
    for (const index of batch.keys()) settled(index, { kind: 'rejected', reason: 'the transport is not connected' })
  }

  get writable(): boolean {
    return this.#session?.publisher.writable ?? false
  }

  onWritable(go: () => void): void {
    this.#go = go
  }

  onState(listener: (state: ConnectionState) => void): void {
    this.#tell = listener
  }

  async subscribe(subscription: Subscription, deliver: Deliver): Promise<Consumer> {
    const session = this.#open()
    const subscriber = await this.#unlessClosing(subscription.kind === 'group' ? this.#groupSubscriber(session, subscription, deliver) : this.#replySubscriber(session, deliver))
    session.subscribers.add(subscriber)
    await subscriber.start()

    return subscriber
  }

  async seek(of: GroupAddress, to: 'first' | 'last' | Date): Promise<void> {
    await seek(this.#replayTools(), of, to)
  }

  async replay(of: GroupAddress, range: ReplayRange): Promise<number> {
    return replay(this.#replayTools(), of, range)
  }

  async depth(of: GroupAddress): Promise<Depth> {
    const { connection, reader, names } = this.#open()
    if (!connection.isConnected)
      throw new WaybillError(
        'NOT_CONNECTED',
        `How much waits for group "${of.group}" on "${of.channel}" cannot be told: there is no connection to Kafka. Ask again when it is back.`,
      )

    return depthOf(reader, names, of)
  }

  close(deadlineMs: number): Promise<void> {
    this.#closing ??= this.#end(deadlineMs)

    return this.#closing
  }

  #replayTools(): ReplayTools {
    const { reader, publisher, names, host } = this.#open()

    return { reader, publisher, names, runtime: host.runtime }
  }

  #begin(host: TransportHost, client: KafkaClient): Session {
    const names = new KafkaNames(host.app, host.namespace)
    const connection = new Connection(client, this.#options, { host, tell: (state) => this.#say(state), onRestored: () => void this.#restored() })
    const publisher = new KafkaPublisher(connection, names, host)
    publisher.onWritable(() => this.#go())
    const reader = new LogReader(client.log(), host.runtime)
    const turns = new SharedTurns({ client, reader, runtime: host.runtime, log: host.log })
    const dead = new KafkaDeadLetters({ reader, admin: connection.admin, names, turns, log: host.log })

    return { host, connection, names, publisher, reader, turns, dead, subscribers: new Set(), replyGroups: [], declared: undefined }
  }

  async #groupSubscriber(session: Session, subscription: GroupAddress & { readonly window: number }, deliver: Deliver): Promise<KafkaSubscriber> {
    const { names, declared, reader } = session
    const groupId = names.group(subscription)
    const channel = names.channel(subscription.channel)
    const from = declared?.channels.find(({ name }) => name === subscription.channel)?.options.log?.from
    if (from !== undefined && from !== 'first') await beginAt(reader, { groupId, topic: channel }, from)
    const topics = [channel, ...(await this.#retries(session, subscription))]

    return new KafkaSubscriber({ ...this.#membership(session), groupId, topics, window: subscription.window, address: undefined, wanted: () => true }, deliver)
  }

  /** What comes after the transport has begun to close would be left behind by it. */
  async #unlessClosing<T>(work: Promise<T>): Promise<T> {
    try {
      const made = await work
      if (!this.#closing) return made
    } catch (error) {
      if (!this.#closing) throw error
    }
    throw closedError()
  }

  /** Topics of long waits may be missing where others make the topics. */
  async #retries({ names, connection }: Session, of: GroupAddress): Promise<readonly string[]> {
    const all = names.retries(of)
    if (this.#options.declare === 'create') return all
    const existing = new Set((await connection.admin.topics()).map(({ name }) => name))

    return all.filter((topic) => !isDelayTopic(topic) || existing.has(topic))
  }

  /** Everybody's replies pass by; the key says whose each one is. */
  async #replySubscriber(session: Session, deliver: Deliver): Promise<KafkaSubscriber> {
    const { host, names, reader, replyGroups } = session
    const topic = names.replies()
    const groupId = `${topic}.${host.instance}`
    const mine = Buffer.from(host.instance, 'utf8')
    await reader.skipToEnd(groupId, topic)
    replyGroups.push(groupId)
    const address = replyAddress(topic, host.instance)

    return new KafkaSubscriber(
      { ...this.#membership(session), groupId, topics: [topic], window: replyWindow, address, wanted: ({ key }) => key !== null && mine.equals(key) },
      deliver,
    )
  }

  #membership({ connection, reader, host }: Session): Pick<SubscriberOptions, 'connection' | 'reader' | 'host' | 'options' | 'tell' | 'repair'> {
    return { connection, reader, host, options: this.#options, tell: (state) => this.#say(state), repair: () => this.#redeclare() }
  }

  /** The cluster may have come back without what was declared. */
  async #restored(): Promise<void> {
    const session = this.#session
    if (!session) return
    await this.#redeclare()
    session.publisher.restored()
    for (const subscriber of session.subscribers) subscriber.hurry()
  }

  /** Never rejects. */
  async #redeclare(): Promise<void> {
    const session = this.#session
    if (!session?.declared || this.#closing) return
    try {
      await declareTopology(toolsOf(session, this.#options), session.declared)
    } catch (error) {
      session.host.log.warn('kafka: the topology could not be declared again', { error: sentenceOf(error) })
    }
  }

  async #end(deadlineMs: number): Promise<void> {
    const session = this.#session
    if (!session) return
    const { host, connection, publisher, reader, subscribers, turns } = session
    const gentleMs = Math.max(0, deadlineMs - closeReserveMs)
    const work = Promise.allSettled([publisher.close(gentleMs), turns.close(), ...[...subscribers].map((subscriber) => subscriber.stop())])
    await Promise.race([work.then(() => this.#forgetReplies(session)), pause(host.runtime, gentleMs)])
    await Promise.race([Promise.allSettled([reader.close(), connection.close()]), pause(host.runtime, closeReserveMs)])
    await publisher.close(0)
    connection.client.close()
  }

  async #forgetReplies({ connection, replyGroups, host }: Session): Promise<void> {
    if (replyGroups.length === 0 || !connection.isConnected) return
    try {
      await connection.admin.deleteGroups(replyGroups)
    } catch (error) {
      // The broker forgets a group without members by itself, later.
      host.log.debug('kafka: the group of replies could not be deleted', { error: sentenceOf(error) })
    }
  }

  #open(): Session {
    if (!this.#session || this.#closing) throw closedError()

    return this.#session
  }

  #say(state: ConnectionState): void {
    try {
      this.#tell(state)
    } catch (error) {
      this.#session?.host.log.warn('kafka: a listener of connection states threw', { error: sentenceOf(error) })
    }
  }
}

/** What was declared, and what is declared in addition; of one channel what was said last. */
function joined(before: Topology | undefined, { channels, asks }: Topology): Topology {
  const all = new Map([...(before?.channels ?? []), ...channels].map((channel) => [channel.name, channel]))

  return { channels: [...all.values()], asks: asks || (before?.asks ?? false) }
}

function toolsOf({ connection, names, host }: Session, { declare, awaitTopicsMs }: ResolvedOptions): TopologyTools {
  return { admin: connection.admin, names, runtime: host.runtime, log: host.log, declare, awaitTopicsMs }
}

function capabilitiesOf(broker: string): Capabilities {
  return {
    broker,
    kind: 'log',
    envelopePrefix,
    unroutable: false,
    keyOrder: true,
    delay: false,
    groupDelay: true,
    expiry: false,
    priority: false,
    deliveryCount: false,
    starts: false,
    replay: true,
    isShared: true,
    replies: true,
    maxBodyBytes: undefined,
  }
}

function closedError(): BrokerRefused {
  return new BrokerRefused('TRANSPORT_CLOSED', 'The Kafka transport was used while it is not connected. Call "connect" first, and nothing after "close".')
}
