import type { PublishOutcome, Runtime, Settled } from '@waybill/core'
import { confirmed } from '@waybill/core'
import { codeOf, NotSent, sentenceOf, verdictOf } from './broker-error.js'
import type { BatchProducer } from './driver.js'
import type { WireRecord } from './wire.js'

/** Below the broker's usual 1 MiB a request. A single message may be larger: the broker decides. */
const maxRequestBytes = 900 * 1024
const maxRequestRecords = 5_000
const patienceMs = 5_000
const pauseMs = 100

/** One message on its way. */
export interface Parcel {
  readonly record: WireRecord
  readonly bytes: number
  readonly index: number
  readonly settled: Settled
}

/** Where a lane sends, and the largest batch that is taken there. */
export interface LanePlace {
  readonly topic: string
  readonly partition: number
  readonly largest: number
}

/** What a lane needs of the publisher that owns it. */
export interface LaneOwner {
  readonly producer: BatchProducer
  readonly runtime: Runtime
  readonly mayJoin: boolean
  /** A record may be smaller on the broker than here. */
  readonly compresses: boolean
  done(parcel: Parcel, outcome: PublishOutcome): void
  suspect(): void
  /** The topic may have other partitions by now. */
  changed(topic: string): void
}

/** The messages for one partition: one request under way, the next one gathers meanwhile. */
export class Lane {
  readonly #topic: string
  readonly #partition: number
  readonly #mostBytes: number
  readonly #owner: LaneOwner
  #waiting: Parcel[] = []
  #busy = false

  constructor({ topic, partition, largest }: LanePlace, owner: LaneOwner) {
    this.#topic = topic
    this.#partition = partition
    this.#mostBytes = Math.min(maxRequestBytes, largest)
    this.#owner = owner
  }

  add(parcel: Parcel): void {
    this.#waiting.push(parcel)
  }

  /** Sends in this turn if nothing is under way, with what the rest of the turn brings. */
  pump(): void {
    if (this.#busy || this.#waiting.length === 0 || !this.#owner.mayJoin) return
    this.#busy = true
    this.#owner.runtime.soon(() => void this.#run())
  }

  /** Gives up what was never sent. */
  abandon(outcome: PublishOutcome): void {
    for (const parcel of this.#waiting.splice(0)) this.#owner.done(parcel, outcome)
  }

  async #run(): Promise<void> {
    while (this.#waiting.length > 0 && this.#owner.mayJoin) {
      await this.#send(this.#take())
      // Whoever awaited one of these publishes the next one now: it shall not miss the request.
      await new Promise<void>((resolve) => this.#owner.runtime.soon(resolve))
    }
    this.#busy = false
  }

  #take(): Parcel[] {
    let bytes = 0
    let count = 0
    for (const parcel of this.#waiting) {
      if (count > 0 && (bytes + parcel.bytes > this.#mostBytes || count === maxRequestRecords)) break
      bytes += parcel.bytes
      count++
    }

    return count === this.#waiting.length ? this.#swap() : this.#waiting.splice(0, count)
  }

  #swap(): Parcel[] {
    const all = this.#waiting
    this.#waiting = []

    return all
  }

  /** Never rejects: every parcel is told its outcome. */
  async #send(batch: readonly Parcel[]): Promise<void> {
    const since = this.#owner.runtime.elapsed()
    for (let wait = pauseMs; ; wait *= 2) {
      const error = await this.#try(batch)
      if (error === undefined) return this.#settle(batch, confirmed)
      const verdict = verdictOf(error)
      if (verdict === 'unknown' || error instanceof NotSent) this.#owner.suspect()
      const mayRetry = verdict === 'not-yet' && this.#owner.runtime.elapsed() - since + wait < patienceMs
      if (!mayRetry) return this.#fail(batch, error)
      await new Promise<void>((resolve) => void this.#owner.runtime.after(wait, resolve))
    }
  }

  async #try(batch: readonly Parcel[]): Promise<unknown> {
    try {
      const records = batch.map(({ record }) => record)
      await this.#owner.producer.send({ topic: this.#topic, partition: this.#partition, records, timestamp: this.#owner.runtime.now() })

      return undefined
    } catch (error) {
      return error ?? new Error('kafkajs gave no reason')
    }
  }

  async #fail(batch: readonly Parcel[], error: unknown): Promise<void> {
    const verdict = verdictOf(error)
    const mayBeOne = verdict === 'too-large' || verdict === 'bad-record'
    if (mayBeOne && batch.length > 1) return this.#halve(batch)
    if (verdict === 'not-yet') this.#owner.changed(this.#topic)
    const reason = `topic "${this.#topic}": ${codeOf(error)}, ${sentenceOf(error)}`
    this.#settle(batch, { kind: verdict === 'unknown' ? 'unknown' : 'rejected', reason })
  }

  /** One of them is refused: the others must get through. */
  async #halve(batch: readonly Parcel[]): Promise<void> {
    const half = batch.length >> 1
    await this.#send(batch.slice(0, half))
    await this.#send(batch.slice(half))
  }

  #settle(batch: readonly Parcel[], outcome: PublishOutcome): void {
    for (const parcel of batch) this.#owner.done(parcel, outcome)
  }
}
