import type { Consumer, ConsumerHealth, ConsumerRestart, Deliver, TransportHost } from '@waybill/core'
import { Attachment, type AttachmentOptions } from './attachment.js'
import type { Connection } from './connection.js'
import type { Declarations } from './declarations.js'
import { Liveness } from './liveness.js'
import type { AttachmentOwner, Seat } from './seat.js'
import { Spreading } from './spreading.js'
import type { RabbitDelivery } from './wire.js'

export interface SubscriberOptions {
  readonly label: string
  readonly channel: string
  readonly queues: readonly string[]
  readonly window: number
  readonly host: TransportHost
  readonly connection: Connection
  readonly declarations: Declarations
  readonly deliver: Deliver
  readonly stopped: (consumer: Subscriber) => void
}

/**
 * One group's consumer over all its queues. What arrives in one turn is handed over together, and never more than the window.
 *
 * A pause holds back here and lets the prefetched run full: a cancelled consumer of a single-active queue would let another
 * process start keys whose messages are still being worked on.
 */
export class Subscriber implements Consumer, AttachmentOwner {
  readonly address = undefined
  readonly #options: SubscriberOptions
  readonly #attachments: readonly Attachment[]
  readonly #spreading: Spreading | undefined
  readonly #liveness: Liveness
  #arrived: RabbitDelivery[] = []
  #unsettled = 0
  #lateSettles = 0
  #restarted: ConsumerRestart | undefined
  #window: number
  #isPaused = false
  #isScheduled = false
  #isStopped = false

  constructor(options: SubscriberOptions) {
    this.#options = options
    this.#window = options.window
    this.#attachments = options.queues.map((queue, i) => new Attachment(this.#attachmentOptions(queue, i)))
    const [shared, ...ordered] = this.#attachments
    const { channel, connection, host, label } = options
    this.#spreading = shared && ordered.length > 0 ? new Spreading({ label, channel, host, connection, shared, attachments: ordered }) : undefined
    this.#liveness = new Liveness({ runtime: host.runtime, connection, attachments: this.#attachments })
  }

  /** Resolves when every queue has its consumer. */
  async start(): Promise<void> {
    try {
      await Promise.all(this.#attachments.map((attachment) => attachment.start()))
      this.#spreading?.start()
      this.#liveness.start()
    } catch (error) {
      await this.stop()
      throw error
    }
  }

  /** The connection is there again. */
  revive(): void {
    for (const attachment of this.#attachments) attachment.revive()
  }

  resize(window: number): void {
    this.#window = window
    this.#schedule()
  }

  pause(): void {
    this.#isPaused = true
  }

  resume(): void {
    this.#isPaused = false
    this.#schedule()
  }

  async stop(): Promise<void> {
    this.#options.stopped(this)
    this.#isStopped = true
    this.#spreading?.stop()
    this.#liveness.stop()
    this.#arrived = []
    this.#unsettled = 0
    await Promise.all(this.#attachments.map((attachment) => attachment.stop()))
  }

  health(): ConsumerHealth {
    const reasons = this.#attachments.flatMap((attachment) => attachment.reason ?? [])

    return {
      attached: !this.#isStopped && reasons.length === 0,
      paused: this.#isPaused,
      unsettled: this.#unsettled,
      lateSettles: this.#lateSettles,
      reason: reasons.length === 0 ? undefined : reasons.join('; '),
      waiting: undefined,
      restarted: this.#restarted,
    }
  }

  arrived(delivery: RabbitDelivery): void {
    if (this.#isStopped) return
    this.#arrived.push(delivery)
    this.#schedule()
  }

  settled(seat: Seat): void {
    seat.unsettled--
    this.#unsettled--
    if (this.#arrived.length > 0) this.#schedule()
  }

  settledLate(): void {
    this.#lateSettles++
  }

  yields(seat: Seat): void {
    this.#arrived = this.#arrived.filter((delivery) => delivery.settler !== seat)
  }

  lost(seat: Seat, queue: string, reason: string): void {
    this.#unsettled -= seat.unsettled
    this.#arrived = this.#arrived.filter((delivery) => delivery.settler !== seat)
    const { unsettled } = seat
    process.nextTick(() => this.#tellLoss(queue, reason, unsettled))
    this.#schedule()
  }

  /** Of a whole connection that went, its state tells. */
  #tellLoss(queue: string, reason: string, unsettled: number): void {
    const { connection, host } = this.#options
    const isAlone = connection.model !== undefined
    host.log[isAlone ? 'warn' : 'debug'](`The consumer of queue "${queue}" was lost and will be attached again: ${reason}.`, { queue, unsettled })
    if (isAlone) this.#restarted = { times: (this.#restarted?.times ?? 0) + 1, at: new Date(host.runtime.now()).toISOString(), reason: `queue "${queue}": ${reason}` }
  }

  // The end of a turn, so everything that one read of the socket brought goes together.
  #schedule(): void {
    if (this.#isScheduled || this.#arrived.length === 0) return
    this.#isScheduled = true
    process.nextTick(() => this.#handOver())
  }

  #handOver(): void {
    this.#isScheduled = false
    if (this.#isPaused || this.#isStopped) return
    const free = this.#window - this.#unsettled
    if (free <= 0 || this.#arrived.length === 0) return
    const batch = free >= this.#arrived.length ? this.#arrived : this.#arrived.slice(0, free)
    this.#arrived = free >= this.#arrived.length ? [] : this.#arrived.slice(free)
    for (const delivery of batch) (delivery.settler as Seat).unsettled++
    this.#unsettled += batch.length
    try {
      this.#options.deliver(batch)
    } catch (error) {
      this.#options.host.log.error(`Deliveries of ${this.#options.label} could not be taken: ${String(error)}. They stay unsettled until the channel closes.`)
    }
  }

  // Shared out, the unkeyed queue first: the sum is the window. Where there are more queues than window,
  // each keeps the one that it needs to move at all, and the window is kept when handing over.
  // A running consumer of a quorum queue keeps its prefetch, so those of keyed queues have together all that `resize` may ask for.
  #attachmentOptions(queue: string, index: number): AttachmentOptions {
    const { connection, declarations, host, queues, window } = this.#options
    const share = Math.max(1, Math.floor(window / queues.length) + (index < window % queues.length ? 1 : 0))

    return {
      queue,
      prefetch: Math.min(maxPrefetch, index === 0 ? share : Math.max(share, Math.ceil((widest * window) / (queues.length - 1)))),
      isCounted: queues.length > 1,
      isOrdered: index > 0,
      host,
      connection,
      declarations,
      owner: this,
    }
  }
}

/** Core widens a window up to so many times. */
const widest = 4
/** AMQP writes it in two bytes. */
const maxPrefetch = 65_535
