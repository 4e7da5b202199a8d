import type { Runtime } from '@waybill/core'
import type { ConsumeMessage, GetMessage, Message } from 'amqplib/callback_api'
import { arrivalOf } from './arrival.js'
import { type Channel, call } from './driver.js'

/** The most that a consumer can be told to have in hand. */
const mostAtOnce = 65_535
/** How many more are taken at a time while they are such that were put back before. */
const chunk = 100
/** Seen on 3.10.8: a quorum queue puts back up to 32 of one word in their order, and more of them in any. */
const mostOfOneWord = 32
/** Of more words than that the driver of the queue in the broker makes one. */
const mostWords = 24
const [pauseMs, patienceMs] = [5, 1_000]

/**
 * The oldest messages of a queue, taken by a consumer and kept in their order, until each is removed or put back. A quorum queue puts back behind what
 * was put back before, and delivers all that first: so whoever takes some of those takes all of them, and their order stays.
 */
export class Hand {
  readonly #channel: Channel
  readonly #queue: string
  readonly #runtime: Runtime
  /** By the consumer that took them. */
  readonly #taken: Set<Message>[] = []
  #last: Message | undefined
  #size = 0
  #removed = 0

  constructor(channel: Channel, queue: string, runtime: Runtime) {
    this.#channel = channel
    this.#queue = queue
    this.#runtime = runtime
  }

  /** In their order. More than were asked for where those behind were put back before. */
  get messages(): readonly Message[] {
    return this.#taken.flatMap((messages) => [...messages])
  }

  async fill(limit: number): Promise<void> {
    await this.#takeUpTo(limit)
    // The count may be a little old: a get finds what it does not know of.
    while (this.#size < limit && (await this.#get())) await this.#takeUpTo(limit)
    while (this.#last?.fields.redelivered && (await this.#take(chunk)) > 0);
  }

  remove(message: Message): void {
    for (const messages of this.#taken) messages.delete(message)
    this.#channel.ack(message)
    this.#removed++
  }

  /** Resolves when they are the first of the queue again, and what was removed is gone. */
  async putBack(): Promise<void> {
    // Seen on 3.10.8: many acknowledgements in a row are forgotten in part when their channel closes after them. A get stands behind them in the
    // queue's own log, and a second one behind those that the first had to overtake.
    for (let time = 0; this.#removed > 0 && time < 2; time++) await this.#get()
    let count = await this.#count()
    let words = 0
    for (const messages of this.#taken.map((all) => [...all])) {
      for (let at = 0; at < messages.length; at += mostOfOneWord) {
        const some = messages.slice(at, at + mostOfOneWord)
        this.#channel.nack(some.at(-1) as Message, true, true)
        count += some.length
        if (++words % mostWords === 0) await this.#hasBack(count)
      }
    }
    if (words > 0) await this.#hasBack(count)
  }

  /** A broker that is busy may be silent for so long that a consumer ends before its time. */
  async #takeUpTo(limit: number): Promise<void> {
    while (this.#size < limit && (await this.#take(Math.min(limit - this.#size, mostAtOnce))) > 0);
  }

  /** Takes as many as there are. The consumer goes as soon as it has them: what is removed would make room for more. */
  async #take(most: number): Promise<number> {
    const count = Math.min(most, await this.#count())
    if (count === 0) return 0
    await call((done) => this.#channel.prefetch(count, false, done))
    const messages = new Set<Message>()
    this.#taken.push(messages)
    const arrival = arrivalOf(count, this.#runtime)
    const take = (message: ConsumeMessage | null): void => {
      if (message) this.#keep(messages, message)
      arrival.next(message)
    }
    const { consumerTag } = await call<{ consumerTag: string }>((done) => this.#channel.consume(this.#queue, take, {}, done))
    this.#channel.once('close', arrival.end)
    await arrival.ended
    this.#channel.removeListener('close', arrival.end)
    await call((done) => this.#channel.cancel(consumerTag, done))

    return messages.size
  }

  async #get(): Promise<boolean> {
    const message = await call<GetMessage | false>((done) => this.#channel.get(this.#queue, {}, done))
    if (!message) return false
    const alone = new Set<Message>()
    this.#taken.push(alone)
    this.#keep(alone, message)

    return true
  }

  #keep(messages: Set<Message>, message: Message): void {
    messages.add(message)
    this.#last = message
    this.#size++
  }

  async #count(): Promise<number> {
    return (await call<{ messageCount: number }>((done) => this.#channel.checkQueue(this.#queue, done))).messageCount
  }

  /** The queue says nothing to who puts back, so it is asked until it has as many. Who looks without waiting for others may have taken some. */
  async #hasBack(count: number): Promise<void> {
    const end = this.#runtime.elapsed() + patienceMs
    while ((await this.#count()) < count && this.#runtime.elapsed() < end) await new Promise<void>((resolve) => void this.#runtime.after(pauseMs, resolve))
  }
}
