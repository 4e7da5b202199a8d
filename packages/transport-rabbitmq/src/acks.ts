import type { Runtime } from '@waybill/core'
import type { Message } from 'amqplib/callback_api'
import type { Channel } from './driver.js'

/** So many gathered ones leave at once, without waiting for the end of the turn. */
const most = 50

/** What is little beside the window waits so long for more: the broker pays for each acknowledgement. */
const waitMs = 1

export interface AcksOptions {
  readonly channel: Channel
  /** How many the broker delivers without an answer. */
  readonly prefetch: number
  readonly runtime: Pick<Runtime, 'after'>
}

/**
 * Gathers what becomes of the deliveries of one channel, and tells the broker: one multiple ack for the finished prefix of the
 * tags, single acks beyond it. An unfinished delivery is never covered. A quarter of the window leaves at the end of the turn,
 * less within a millisecond, so that the broker never waits for an answer with its window used up.
 */
export class Acks {
  readonly #channel: Channel
  readonly #acked = new Set<number>()
  readonly #returned = new Set<number>()
  /** Beyond the prefix, told one by one. */
  readonly #told = new Set<number>()
  readonly #runtime: Pick<Runtime, 'after'>
  readonly #enough: number
  #next = 1
  #isScheduled = false
  #isWaiting = false

  constructor({ channel, prefetch, runtime }: AcksOptions) {
    this.#channel = channel
    this.#runtime = runtime
    this.#enough = Math.ceil(prefetch / 4)
  }

  ack(tag: number): void {
    this.#acked.add(tag)
    if (this.#acked.size >= most) this.flush()
    else if (this.#acked.size >= this.#enough) this.#flushSoon()
    else this.#flushLater()
  }

  giveBack(tag: number): void {
    this.#returned.add(tag)
    this.#flushSoon()
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

  #flushSoon(): void {
    if (this.#isScheduled) return
    this.#isScheduled = true
    setImmediate(() => this.flush())
  }

  #flushLater(): void {
    if (this.#isScheduled || this.#isWaiting) return
    this.#isWaiting = true
    this.#runtime.after(waitMs, () => {
      this.#isWaiting = false
      this.flush()
    })
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
