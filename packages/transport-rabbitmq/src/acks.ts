import type { Message } from 'amqplib/callback_api'
import { type Channel, call } from './driver.js'

/** So many gathered ones leave at once, without waiting for the end of the turn. */
const most = 50

/** What a channel consumes. */
export interface AckPlace {
  readonly queue: string
  readonly consumerTag: string
  /** One consumer at a time is given its messages. */
  readonly isOrdered: boolean
}

/**
 * Gathers what becomes of the deliveries of one channel, and tells the broker at the end of the turn: one multiple ack for the
 * finished prefix of the tags, single acks beyond it. An unfinished delivery is never covered.
 */
export class Acks {
  readonly #channel: Channel
  readonly #acked = new Set<number>()
  readonly #returned = new Set<number>()
  /** Beyond the prefix, told one by one. */
  readonly #told = new Set<number>()
  #next = 1
  #isScheduled = false

  constructor(channel: Channel) {
    this.#channel = channel
  }

  ack(tag: number): void {
    this.#acked.add(tag)
    this.#gathered()
  }

  giveBack(tag: number): void {
    this.#returned.add(tag)
    this.#gathered()
  }

  flush(): void {
    this.#isScheduled = false
    try {
      this.#tellReturned()
      this.#tellPrefix()
      this.#tellRest()
    } catch {
      // The driver throws on a channel that is gone. The broker delivers these again, as it would have to.
      this.#acked.clear()
      this.#returned.clear()
    }
  }

  /**
   * Resolves when the queue has heard all of it. Seen on 3.10.8: the broker keeps acknowledgements back while a quorum queue is behind with its log, and forgets
   * those when their channel closes. What goes through that log itself and is answered stands behind them. Once some were forgotten
   * all the same: most likely it lets them go a moment after that answer, which a second question leaves it.
   */
  async heard({ consumerTag, isOrdered, queue }: AckPlace): Promise<void> {
    this.flush()
    const cancel = (tag: string): Promise<unknown> => call((done) => this.#channel.cancel(tag, done))
    if (!isOrdered) {
      await cancel(consumerTag)
      await call((done) => this.#channel.checkQueue(queue, done))

      return
    }
    // Without its consumer an ordered queue would turn to the next one, in front of what this one gives back. A second one waits behind the first.
    const second = await call<{ consumerTag: string }>((done) => this.#channel.consume(queue, () => undefined, {}, done))
    await cancel(second.consumerTag)
  }

  #gathered(): void {
    if (this.#acked.size + this.#returned.size >= most) return this.flush()
    if (this.#isScheduled) return
    this.#isScheduled = true
    setImmediate(() => this.flush())
  }

  // In the order in which they came, for the broker puts them back in the order of these.
  #tellReturned(): void {
    if (this.#returned.size === 0) return
    for (const tag of [...this.#returned].sort((a, b) => a - b)) {
      this.#channel.nack(messageOf(tag), false, true)
      this.#told.add(tag)
    }
    this.#returned.clear()
  }

  #tellPrefix(): void {
    let last = 0
    let count = 0
    for (; ; this.#next++) {
      if (this.#acked.delete(this.#next)) {
        last = this.#next
        count++
      } else if (!this.#told.delete(this.#next)) break
    }
    if (count > 0) this.#channel.ack(messageOf(last), count > 1)
  }

  #tellRest(): void {
    for (const tag of this.#acked) {
      this.#channel.ack(messageOf(tag), false)
      this.#told.add(tag)
    }
    this.#acked.clear()
  }
}

function messageOf(deliveryTag: number): Message {
  return { fields: { deliveryTag } } as Message
}
