import { BrokerRefused, type Consumer, type ConsumerHealth, type Deliver, type RawDelivery, type Subscription, type TransportHost } from '@waybill/core'
import type { Broker } from './broker/broker.js'
import type { Channel } from './broker/channel.js'
import type { Entry } from './broker/message.js'
import type { Session } from './broker/session.js'
import type { Attachment, Connection } from './connection.js'
import type { Layout } from './topology.js'
import { MemoryDelivery } from './wire.js'

/** What a consumer stands on. */
export interface Ground {
  readonly broker: Broker
  readonly connection: Connection
  readonly layout: Layout
  readonly host: TransportHost
}

/** Attaches a consumer that stays attached, over every reconnect, until it is stopped. */
export function subscribe(ground: Ground, subscription: Subscription, deliver: Deliver): Consumer {
  const source = subscription.kind === 'replies' ? repliesOf(ground) : groupQueuesOf(ground, subscription)
  const consumer = new MemoryConsumer(ground, source, deliver)
  ground.connection.keep(consumer)

  return consumer
}

/** What a consumer takes from. */
interface Source {
  /** Where replies go. Such a queue lives as long as its connection, and what it gives needs no settling. */
  readonly address: string | undefined
  readonly queues: readonly string[]
  readonly window: number
}

function repliesOf({ broker, layout, host }: Ground): Source {
  const address = layout.replies(host.instance)
  if (broker.findQueue(address) !== undefined) throw new BrokerRefused('REPLIES_TAKEN', `"${address}" has a consumer already. An app has one consumer of replies.`)

  return { address, queues: [address], window: Number.POSITIVE_INFINITY }
}

function groupQueuesOf({ broker, layout }: Ground, { channel, group, window }: Extract<Subscription, { kind: 'group' }>): Source {
  const queues = [layout.queue(channel, group), ...layout.keyedQueues(channel, group)]
  const missing = queues.find((name) => broker.findQueue(name) === undefined)
  if (missing !== undefined || !layout.knows(channel, group)) {
    throw new BrokerRefused(
      'NO_SUCH_QUEUE',
      `Group "${group}" listens on channel "${channel}", but its queue "${missing ?? queues[0]}" was not declared. Declare the topology first.`,
    )
  }

  return { address: undefined, queues, window }
}

class MemoryConsumer implements Consumer, Attachment {
  readonly address: string | undefined
  readonly #ground: Ground
  readonly #source: Source
  readonly #deliver: Deliver
  readonly #onLate = (): void => void this.#lateSettles++
  #session: Session | undefined
  #channel: Channel | undefined
  #window: number
  #isPaused = false
  #isStopped = false
  #lateSettles = 0

  constructor(ground: Ground, source: Source, deliver: Deliver) {
    this.address = source.address
    this.#ground = ground
    this.#source = source
    this.#window = source.window
    this.#deliver = deliver
  }

  /** On every connection anew: deliveries of the old channel belong to the old channel. */
  attach(session: Session): void {
    const { queues, address } = this.#source
    const channel = session.channel({ window: this.#window, noAck: address !== undefined, deliver: (entries) => this.#hand(channel, entries) })
    if (this.#isPaused) channel.pause()
    this.#session = session
    this.#channel = channel
    if (address !== undefined) session.own(this.#ground.broker.declareReplies(address))
    for (const name of queues) {
      const queue = this.#ground.broker.findQueue(name)
      if (queue !== undefined) channel.consume(queue)
    }
  }

  resize(window: number): void {
    this.#window = window
    this.#channel?.resize(window)
  }

  pause(): void {
    this.#isPaused = true
    this.#channel?.pause()
  }

  resume(): void {
    this.#isPaused = false
    this.#channel?.resume()
  }

  async stop(): Promise<void> {
    this.#isStopped = true
    this.#ground.connection.release(this)
    if (this.#channel !== undefined) this.#session?.release(this.#channel)
  }

  health(): ConsumerHealth {
    const attached = this.#channel !== undefined && !this.#channel.isClosed

    return {
      attached,
      paused: this.#isPaused,
      unsettled: this.#channel?.unsettled ?? 0,
      lateSettles: this.#lateSettles,
      reason: attached ? undefined : this.#isStopped ? 'it was stopped' : 'the connection to the memory broker is lost',
      waiting: attached ? this.#channel?.waiting : undefined,
    }
  }

  #hand(channel: Channel, entries: readonly Entry[]): void {
    const deliveries: RawDelivery[] = []
    for (const entry of entries) deliveries.push(new MemoryDelivery(entry, entry.deliveries - 1, channel, this.#onLate))
    try {
      this.#deliver(deliveries)
    } catch (error) {
      this.#ground.host.log.error('A callback of the memory transport threw; its deliveries stay unsettled.', { error: String(error) })
    }
  }
}
