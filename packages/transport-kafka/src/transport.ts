import type {
  Capabilities,
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
import { BrokerRefused } from '@waybill/core'
import { sentenceOf } from './broker-error.js'
import { Connection } from './connection.js'
import { KafkaDeadLetters } from './dead-letters.js'
import { depthOf } from './depth.js'
import { LogReader } from './log-reader.js'
import type { KafkaOptions, ResolvedOptions } from './options.js'
import { resolveOptions } from './options.js'
import { KafkaPublisher } from './publisher.js'
import type { SubscriberOptions } from './subscriber.js'
import { KafkaSubscriber } from './subscriber.js'
import type { TopologyTools } from './topology.js'
import { declareTopology, KafkaNames, replyAddress } from './topology.js'
import { envelopePrefix } from './wire.js'

const replyWindow = 1_000
const closeReserveMs = 500

/** Apache Kafka, through kafkajs. Never throws: what is wrong with the options is reported at `start`. */
export function kafka(options: KafkaOptions): Transport {
  return new KafkaTransport(options)
}

/** What exists between `connect` and `close`. */
interface Session {
  readonly host: TransportHost
  readonly connection: Connection
  readonly names: KafkaNames
  readonly publisher: KafkaPublisher
  readonly reader: LogReader
  readonly dead: KafkaDeadLetters
  readonly subscribers: Set<KafkaSubscriber>
  readonly replyGroups: string[]
  declared: Topology | undefined
}

class KafkaTransport implements Transport {
  readonly name = 'kafka'
  readonly faults: readonly Fault[]
  readonly dead: DeadLetterAccess
  readonly #options: ResolvedOptions
  #session: Session | undefined
  #closing: Promise<void> | undefined
  #go: () => void = () => {}
  #tell: (state: ConnectionState) => void = () => {}

  constructor(given: KafkaOptions) {
    const { options, faults } = resolveOptions(given)
    this.#options = options
    this.faults = faults
    this.dead = {
      list: (of: GroupAddress, limit: number) => this.#open().dead.list(of, limit),
      take: (of: GroupAddress, limit: number, decide: (letter: RawDelivery) => Promise<'remove' | 'keep' | 'stop'>) => this.#open().dead.take(of, limit, decide),
    }
  }

  async connect(host: TransportHost): Promise<Capabilities> {
    if (this.#closing) throw closedError()
    this.#session ??= this.#begin(host)
    const broker = await this.#session.connection.connect()
    this.#session.publisher.restored()

    return capabilitiesOf(broker)
  }

  async declare(topology: Topology): Promise<void> {
    const session = this.#open()
    await declareTopology(toolsOf(session), topology)
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
    const subscriber = subscription.kind === 'group' ? this.#groupSubscriber(session, subscription, deliver) : await this.#replySubscriber(session, deliver)
    session.subscribers.add(subscriber)
    await subscriber.start()

    return subscriber
  }

  async depth(of: GroupAddress): Promise<Depth> {
    const { connection, names } = this.#open()

    return depthOf(connection.admin, names, of)
  }

  close(deadlineMs: number): Promise<void> {
    this.#closing ??= this.#end(deadlineMs)

    return this.#closing
  }

  #begin(host: TransportHost): Session {
    const names = new KafkaNames(host.app, host.namespace)
    const connection = new Connection(
      this.#options,
      host,
      (state) => this.#say(state),
      () => void this.#restored(),
    )
    const publisher = new KafkaPublisher(connection, names, host)
    publisher.onWritable(() => this.#go())
    const reader = new LogReader(connection.kafka)
    const dead = new KafkaDeadLetters(reader, connection.admin, names, host.log)

    return { host, connection, names, publisher, reader, dead, subscribers: new Set(), replyGroups: [], declared: undefined }
  }

  #groupSubscriber(session: Session, subscription: GroupAddress & { readonly window: number }, deliver: Deliver): KafkaSubscriber {
    const { names } = session
    const topics = [names.channel(subscription.channel), names.retry(subscription)]

    return new KafkaSubscriber(
      { ...this.#membership(session), groupId: names.group(subscription), topics, window: subscription.window, address: undefined, wanted: () => true },
      deliver,
    )
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

  #membership({ connection, reader, host }: Session): Pick<SubscriberOptions, 'connection' | 'reader' | 'host' | 'options' | 'tell'> {
    return { connection, reader, host, options: this.#options, tell: (state) => this.#say(state) }
  }

  /** The cluster may have come back without what was declared. */
  async #restored(): Promise<void> {
    const session = this.#session
    if (!session) return
    try {
      if (session.declared) await declareTopology(toolsOf(session), session.declared)
    } catch (error) {
      session.host.log.warn('kafka: the topology could not be declared again', { error: sentenceOf(error) })
    }
    session.publisher.restored()
    for (const subscriber of session.subscribers) subscriber.hurry()
  }

  async #end(deadlineMs: number): Promise<void> {
    const session = this.#session
    if (!session) return
    const { host, connection, publisher, reader, subscribers } = session
    const gentleMs = Math.max(0, deadlineMs - closeReserveMs)
    const work = Promise.allSettled([publisher.close(gentleMs), ...[...subscribers].map((subscriber) => subscriber.stop())])
    await Promise.race([work.then(() => this.#forgetReplies(session)), pause(host, gentleMs)])
    await Promise.race([Promise.allSettled([reader.close(), connection.close()]), pause(host, closeReserveMs)])
    await publisher.close(0)
  }

  async #forgetReplies({ connection, replyGroups, host }: Session): Promise<void> {
    if (replyGroups.length === 0 || !connection.isConnected) return
    try {
      await connection.admin.deleteGroups([...replyGroups])
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

function toolsOf({ connection, names, host }: Session): TopologyTools {
  return { admin: connection.admin, names, runtime: host.runtime }
}

function capabilitiesOf(broker: string): Capabilities {
  return {
    broker,
    kind: 'log',
    envelopePrefix,
    unroutable: false,
    keyOrder: true,
    delay: false,
    expiry: false,
    priority: false,
    deliveryCount: false,
    replay: true,
    replies: true,
    maxBodyBytes: undefined,
  }
}

function closedError(): BrokerRefused {
  return new BrokerRefused('TRANSPORT_CLOSED', 'The Kafka transport was used while it is not connected. Call "connect" first, and nothing after "close".')
}

function pause({ runtime }: TransportHost, ms: number): Promise<void> {
  return new Promise((resolve) => void runtime.after(ms, resolve))
}
