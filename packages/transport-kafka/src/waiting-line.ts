import type { KafkaDelivery } from './delivery.js'
import type { LogBatch } from './log-batch.js'
import type { LogRecord } from './log-record.js'

/** Makes a delivery of a record, which is open from then on; undefined: nobody wants it. */
export type Open = (record: LogRecord) => KafkaDelivery | undefined

/** Records that were fetched and not yet given to core. */
export interface WaitingLine {
  readonly length: number
  readonly bytes: number
  /** The moment (ms since the epoch) at which the next one may be given; 0: now. Undefined: there is none. */
  readonly nextDue: number | undefined
  /** The first offset that was not opened yet. Undefined: all are. */
  readonly unopened: number | undefined
  add(batch: LogBatch): void
  /** Before all others. */
  unshift(delivery: KafkaDelivery): void
  /** The next one that may be given. */
  shift(now: number): KafkaDelivery | undefined
  clear(): void
}

/** In the order of the log. Batches stay as they came until their turn comes: what waits is bytes, not objects. */
export class LogLine implements WaitingLine {
  readonly #open: Open
  #batches: LogBatch[] = []
  #again: KafkaDelivery[] = []
  #length = 0
  #bytes = 0

  constructor(open: Open) {
    this.#open = open
  }

  get length(): number {
    return this.#again.length + this.#length
  }

  get bytes(): number {
    return this.#bytes
  }

  get nextDue(): number | undefined {
    return this.length > 0 ? 0 : undefined
  }

  get unopened(): number | undefined {
    return this.#batches[0]?.next
  }

  add(batch: LogBatch): void {
    if (batch.left === 0) return
    this.#batches.push(batch)
    this.#length += batch.left
    this.#bytes += batch.bytes
  }

  unshift(delivery: KafkaDelivery): void {
    this.#again.unshift(delivery)
  }

  shift(): KafkaDelivery | undefined {
    if (this.#again.length > 0) return this.#again.shift()
    for (let batch = this.#batches[0]; batch; batch = this.#batches[0]) {
      const before = batch.left
      const record = batch.read()
      this.#length -= before - batch.left
      if (batch.left === 0) this.#drop(batch)
      const delivery = record && this.#open(record)
      if (delivery) return delivery
    }

    return undefined
  }

  clear(): void {
    this.#batches = []
    this.#again = []
    this.#length = 0
    this.#bytes = 0
  }

  #drop(batch: LogBatch): void {
    this.#batches.shift()
    this.#bytes -= batch.bytes
  }
}

/** In the order of the moments at which they may be given: a heap. */
export class DueLine implements WaitingLine {
  readonly unopened = undefined
  readonly #open: Open
  #heap: KafkaDelivery[] = []
  #bytes = 0

  constructor(open: Open) {
    this.#open = open
  }

  get length(): number {
    return this.#heap.length
  }

  get bytes(): number {
    return this.#bytes
  }

  get nextDue(): number | undefined {
    return this.#heap[0]?.due
  }

  add(batch: LogBatch): void {
    for (const record of batch) {
      const delivery = this.#open(record)
      if (delivery) this.unshift(delivery)
    }
  }

  unshift(delivery: KafkaDelivery): void {
    this.#bytes += delivery.body.length
    this.#heap.push(delivery)
    for (let at = this.#heap.length - 1; at > 0; at = (at - 1) >> 1) {
      if (!this.#isBefore(at, (at - 1) >> 1)) break
      this.#swap(at, (at - 1) >> 1)
    }
  }

  shift(now: number): KafkaDelivery | undefined {
    const [first] = this.#heap
    if (!first || first.due > now) return undefined
    const last = this.#heap.pop() as KafkaDelivery
    if (this.#heap.length > 0) this.#heap[0] = last
    this.#bytes -= first.body.length
    this.#sink()

    return first
  }

  clear(): void {
    this.#heap = []
    this.#bytes = 0
  }

  #sink(): void {
    for (let at = 0; ; ) {
      const left = 2 * at + 1
      const least = left + 1 < this.#heap.length && this.#isBefore(left + 1, left) ? left + 1 : left
      if (least >= this.#heap.length || !this.#isBefore(least, at)) return
      this.#swap(least, at)
      at = least
    }
  }

  #isBefore(a: number, b: number): boolean {
    const [left, right] = [this.#heap[a] as KafkaDelivery, this.#heap[b] as KafkaDelivery]

    return left.due === right.due ? left.offset < right.offset : left.due < right.due
  }

  #swap(a: number, b: number): void {
    const moved = this.#heap[a] as KafkaDelivery
    this.#heap[a] = this.#heap[b] as KafkaDelivery
    this.#heap[b] = moved
  }
}
