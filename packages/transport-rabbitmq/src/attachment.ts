import type { TransportHost } from '@waybill/core'
import type { ConsumeMessage } from 'amqplib/callback_api'
import type { Connection } from './connection.js'
import { type Declarations, isQueueThere } from './declarations.js'
import { type Channel, call, type Model, openChannel } from './driver.js'
import { KeptChannel } from './kept-channel.js'
import { movingNames } from './moving-names.js'
import { refusalOfDeclare, replyCodeOf } from './refusal.js'
import { type AttachmentOwner, Seat } from './seat.js'
import { isSignpost } from './sweep.js'
import { awaitWhereabouts, whereaboutsOf } from './whereabouts.js'
import { receivedHeaders, RabbitDelivery } from './wire.js'

export interface AttachmentOptions {
  readonly queue: string
  readonly prefetch: number
  /** Whether it matters how many consume the queue already. */
  readonly isCounted: boolean
  /** One consumer at a time is given its messages. */
  readonly isOrdered: boolean
  readonly host: TransportHost
  readonly connection: Connection
  readonly declarations: Declarations
  readonly owner: AttachmentOwner
}

const movedAway = 'its queue is being moved to other arguments; if nobody is doing that any more, `app.topology.migrate()` goes on with it'

/** After so many losses in a row without progress, one message comes at a time. */
const patience = 3

/**
 * A consumer of one queue, on a channel of its own: what closes a channel (a queue that is gone, a missing right, a delivery
 * that was held too long) costs this queue alone.
 */
export class Attachment {
  readonly queue: string
  readonly #options: AttachmentOptions
  readonly #kept: KeptChannel
  #seat: Seat | undefined
  #tries = 0
  #consumersBefore = 0
  #isActive = false
  #isYielding = false
  #isStopped = false
  #hasReceived = false
  /** Where it takes from: elsewhere than its queue while that is moved. */
  #at: string
  /** A signpost sent it away. */
  #isSentAway = false
  /** It was sent away from the queue beside its own, too. */
  #hasTaken = false
  /** Its group's keys are spread over fewer queues now, and its own is none of them. */
  #isGone = false
  /** How often in a row it was lost with deliveries in hand and none acknowledged. */
  #fruitless = 0

  constructor(options: AttachmentOptions) {
    this.queue = options.queue
    this.#at = options.queue
    this.#options = options
    this.#kept = new KeptChannel({
      host: options.host,
      connection: options.connection,
      create: (model) => this.#create(model),
      attach: (channel) => this.#attach(channel),
      lost: (reason) => this.#lost(reason),
    })
  }

  async start(): Promise<void> {
    try {
      await this.#kept.start()
    } catch (error) {
      throw replyCodeOf(error) === undefined ? error : refusalOfDeclare(error, `queue "${this.queue}"`)
    }
  }

  revive(): void {
    this.#kept.revive()
  }

  /** Why the broker will not give it messages. */
  get reason(): string | undefined {
    return this.#kept.channel || this.#isYielding || this.#isGone ? undefined : `queue "${this.queue}": ${this.#isSentAway ? movedAway : this.#kept.reason}`
  }

  /** False: a newer version of the app did away with its queue, and others have what came to it. */
  get isNeeded(): boolean {
    return !this.#isGone
  }

  /** Of an ordered queue: messages come to this consumer, as far as can be seen. */
  get isActive(): boolean {
    return this.#isActive
  }

  /** How many consumers the queue had when this one came; of an ordered queue the broker tells the active one alone. */
  get consumersBefore(): number {
    return this.#consumersBefore
  }

  /** It has nothing in hand, and would get what waits. */
  get isIdle(): boolean {
    return this.#kept.channel !== undefined && this.#at === this.queue && this.#seat?.open === 0 && !this.#seat.isDraining && this.#seat.held === undefined
  }

  /** Whether something came since this was asked before. */
  hasReceivedSince(): boolean {
    const hasReceived = this.#hasReceived
    this.#hasReceived = false

    return hasReceived
  }

  /** Gives its channel up, and attaches on another. */
  renew(reason: string): void {
    this.#kept.renew(reason)
  }

  /** Finishes what was handed over, then goes to the end of the line: the next consumer takes over, in order. */
  yield(): void {
    const seat = this.#seat
    if (!seat || seat.isDraining) return
    this.#options.owner.yields(seat)
    seat.drain(() => void this.#leave(seat))
  }

  async #leave(seat: Seat): Promise<void> {
    if (!(await this.#isHeard(seat)) || this.#seat !== seat) return
    seat.close()
    this.#seat = undefined
    this.#isYielding = true
    this.#kept.renew('it yields to another process')
    this.#tries = 0
  }

  /** Gathered acks leave; what is unsettled returns to the broker with the channel. */
  async stop(): Promise<void> {
    this.#isStopped = true
    const seat = this.#seat
    seat?.close()
    this.#seat = undefined
    if (seat) await this.#isHeard(seat)
    await this.#kept.stop()
  }

  /** False: the channel is gone, and what the broker had not heard comes again. */
  async #isHeard({ acks, consumerTag, hasAcked }: Seat): Promise<boolean> {
    if (!hasAcked || consumerTag === undefined) return true
    try {
      await acks.heard({ queue: this.#at, consumerTag, isOrdered: this.#options.isOrdered })

      return true
    } catch {
      return false
    }
  }

  async #create(model: Model): Promise<Channel> {
    if (!this.#isSentAway && this.#tries++ > 0) await this.#restore(model)
    if (this.#isSentAway) this.#at = await this.#whereabouts(model)

    return openChannel(model)
  }

  // A queue that is missing may be on its way to other arguments: made again now it would be the old one, and nobody would move that.
  async #restore(model: Model): Promise<void> {
    const { declarations } = this.#options
    if (await isQueueThere(model, this.queue)) return
    if ((await whereaboutsOf(model, this.queue)) !== 'home') this.#isSentAway = true
    else if (!(await declarations.ensure(model, this.queue))) this.#rest()
  }

  #rest(): never {
    const isNew = !this.#isGone
    this.#isGone = true
    if (isNew) {
      this.#options.host.log.info(
        `Queue "${this.queue}" is gone: the keys of its group are spread over fewer partitions now than this process knows. It goes on with the others; start its new version instead.`,
        { queue: this.queue },
      )
    }
    throw new Error('its queue is gone')
  }

  async #whereabouts(model: Model): Promise<string> {
    const where = await awaitWhereabouts(this.#options.host, model, { queue: this.queue, hasTaken: this.#hasTaken, isOver: () => this.#isStopped })
    if (where === 'waiting') return movingNames(this.queue).waiting
    this.#isSentAway = false
    this.#hasTaken = false
    // Home may be gone, and waiting for the refusal of an attachment would be as long as the back-off.
    await this.#restore(model)

    return this.queue
  }

  async #attach(channel: Channel): Promise<void> {
    const isIsolated = this.#fruitless >= patience
    const seat: Seat = new Seat(channel, this.#options.owner, isIsolated ? () => this.#progressed() : undefined)
    this.#seat = seat
    // Counted per consumer: quorum queues do not know the count per channel.
    await call((done) => channel.prefetch(isIsolated ? 1 : this.#options.prefetch, false, done))
    if (this.#options.isCounted) this.#consumersBefore = (await call<{ consumerCount: number }>((done) => channel.checkQueue(this.#at, done))).consumerCount
    this.#isActive = this.#consumersBefore === 0
    const { consumerTag } = await call<{ consumerTag: string }>((done) => channel.consume(this.#at, (message) => this.#received(message, seat), {}, done))
    seat.consumerTag = consumerTag
    this.#tries = 0
    this.#isYielding = false
    this.#isGone = false
  }

  #received(message: ConsumeMessage | null, seat: Seat): void {
    if (!message) return this.#kept.renew('the broker cancelled its consumer: the queue was deleted or moved, or (from RabbitMQ 4.3 on) a delivery was held longer than it allows')
    if (seat.held) return void seat.held.push(message)
    if (isSignpost(message)) return this.#meet(message, seat)
    this.#isActive = true
    this.#hasReceived = true
    if (!seat.hasReceived) this.#lookWhence(message)
    seat.hasReceived = true
    if (seat.isDraining) return
    seat.open++
    this.#options.owner.arrived(new RabbitDelivery(message, this.queue, seat, receivedHeaders(message.properties.headers)))
  }

  // Nothing but its messages tells what kind of queue it is.
  #lookWhence({ properties }: ConsumeMessage): void {
    if (properties.headers?.['x-stream-offset'] === undefined) return
    this.#options.host.log.warn(
      `The queue "${this.queue}" is a stream: it hands over what comes while somebody takes from it and gives nothing again, so what comes meanwhile and what is under way when a process ends are not done. Bind a quorum queue to its exchange, and name that.`,
    )
  }

  // What it has in hand, and what comes back from there, stands before the signpost: only who meets that first has seen all.
  #meet({ fields }: ConsumeMessage, seat: Seat): void {
    const isFirst = !seat.hasReceived
    seat.held = []
    // It may come in the turn in which the consumer is accepted, before the channel counts as open.
    if (!isFirst) return seat.finish(() => setImmediate(() => void this.#leave(seat)))
    this.#decide(fields.deliveryTag, seat).catch(() => this.#seat === seat && this.#kept.renew('it could not be found out whether its queue is being moved'))
  }

  async #decide(tag: number, seat: Seat): Promise<void> {
    const { model } = this.#options.connection
    const where = model && (await whereaboutsOf(model, this.queue))
    if (this.#seat !== seat) return
    if (where !== 'home') return this.#sendAway(seat)
    const held = seat.held ?? []
    seat.held = undefined
    seat.acks.ack(tag)
    for (const message of held) this.#received(message, seat)
  }

  #sendAway(seat: Seat): void {
    this.#isSentAway = true
    this.#hasTaken ||= this.#at !== this.queue
    seat.close()
    this.#seat = undefined
    this.#kept.renew(movedAway)
  }

  #lost(reason: string): void {
    const seat = this.#seat
    this.#seat = undefined
    this.#isActive = false
    this.#tries++
    if (!seat) return
    seat.close()
    this.#judge(seat)
    this.#options.owner.lost(seat, this.queue, reason)
  }

  // What kills the connection each time may be one message: alone, it takes no other with it, and its count alone grows.
  #judge({ hasAcked, hasReceived }: Seat): void {
    if (hasAcked) this.#fruitless = 0
    else if (hasReceived) this.#fruitless++
    if (this.#fruitless !== patience) return
    this.#options.host.log.error(
      `The consumer of queue "${this.queue}" was lost ${patience} times with messages in hand and none acknowledged: from now on they come one by one, until one is. Look at the first of them.`,
      { queue: this.queue },
    )
  }

  #progressed(): void {
    this.#fruitless = 0
    this.yield()
  }
}
