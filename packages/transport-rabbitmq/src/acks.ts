import type { Message } from 'amqplib/callback_api'
import type { Channel } from './driver.js'

/** So many gathered ones leave at once, without waiting for the end of the turn. */
const most = 50

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
