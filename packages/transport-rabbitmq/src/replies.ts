import type { Consumer, ConsumerHealth, Deliver, TransportHost } from '@waybill/core'
import type { ConsumeMessage } from 'amqplib/callback_api'
import { ConfirmWatch } from './confirm-watch.js'
import type { Connection } from './connection.js'
import { type ConfirmChannel, call, openConfirmChannel } from './driver.js'
import { KeptChannel } from './kept-channel.js'
import type { Publisher } from './publisher.js'
import type { PublishWindow } from './publish-window.js'
import { receivedHeaders, RabbitDelivery, replyToMe, type Settler } from './wire.js'

export interface RepliesOptions {
  readonly host: TransportHost
  readonly connection: Connection
  readonly publisher: Publisher
  readonly deliver: Deliver
  readonly stopped: (consumer: Replies) => void
}

// The broker forgets a reply as it sends it: there is nothing to tell.
const unsettled: Settler = { isStale: false, settle: () => undefined }

/**
 * Takes the replies to what this app asks, by direct reply-to. The broker wants queries to be published on the very channel that
 * takes their replies, so the channel is in confirm mode and lent to the publisher.
 */
export class Replies implements Consumer {
  readonly address = replyToMe
  readonly #options: RepliesOptions
  readonly #kept: KeptChannel<ConfirmChannel>
  readonly #watch: ConfirmWatch
  #window: PublishWindow | undefined
  #arrived: RabbitDelivery[] = []
  #isPaused = false
  #isScheduled = false

  constructor(options: RepliesOptions) {
    this.#options = options
    this.#watch = new ConfirmWatch({ host: options.host, connection: options.connection, what: 'channel of queries', renew: (reason) => this.#kept.renew(reason) })
    this.#kept = new KeptChannel({
      host: options.host,
      connection: options.connection,
      create: openConfirmChannel,
      attach: (channel) => this.#attach(channel),
      lost: (reason) => this.#lost(reason),
    })
  }

  start(): Promise<void> {
    return this.#kept.start()
  }

  revive(): void {
    this.#kept.revive()
  }

  /** Replies have no window. */
  resize(): void {}

  pause(): void {
    this.#isPaused = true
  }

  resume(): void {
    this.#isPaused = false
    this.#schedule()
  }

  async stop(): Promise<void> {
    this.#options.stopped(this)
    this.#arrived = []
    this.#isPaused = true
    this.#lost('the consumer of replies was stopped')
    await this.#kept.stop()
  }

  health(): ConsumerHealth {
    const { reason } = this.#kept

    return { attached: reason === undefined, paused: this.#isPaused, unsettled: 0, lateSettles: 0, reason, waiting: undefined }
  }

  async #attach(channel: ConfirmChannel): Promise<void> {
    await call((done) => channel.consume(replyToMe, (message) => this.#received(message), { noAck: true }, done))
    this.#window = this.#options.publisher.openWindow(channel, this.#watch)
    this.#options.publisher.useForQueries(this.#window)
  }

  #lost(reason: string): void {
    const window = this.#window
    this.#window = undefined
    if (!window) return
    this.#options.publisher.useForQueries(undefined)
    window.lose(`the channel was lost before the broker confirmed: ${reason}`)
  }

  #received(message: ConsumeMessage | null): void {
    if (!message) return this.#kept.renew('the broker cancelled the consumer of replies')
    this.#arrived.push(new RabbitDelivery(message, replyToMe, unsettled, receivedHeaders(message.properties.headers)))
    this.#schedule()
  }

  #schedule(): void {
    if (this.#isScheduled || this.#arrived.length === 0) return
    this.#isScheduled = true
    process.nextTick(() => this.#handOver())
  }

  #handOver(): void {
    this.#isScheduled = false
    if (this.#isPaused || this.#arrived.length === 0) return
    const batch = this.#arrived
    this.#arrived = []
    try {
      this.#options.deliver(batch)
    } catch (error) {
      this.#options.host.log.error(`Replies could not be taken: ${String(error)}.`)
    }
  }
}
