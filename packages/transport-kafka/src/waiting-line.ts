import type { KafkaDelivery } from './delivery.js'

/** Deliveries that were fetched and not yet given to core. */
export interface WaitingLine {
  readonly length: number
  readonly bytes: number
  /** The moment (ms since the epoch) at which the next one may be given; 0: now. Undefined: there is none. */
  readonly nextDue: number | undefined
  push(delivery: KafkaDelivery): void
  /** Before all others. */
  unshift(delivery: KafkaDelivery): void
  /** The next one that may be given. */
  shift(now: number): KafkaDelivery | undefined
  clear(): void
}

const sliceAt = 4_096

/** In the order of the log. */
export class LogLine implements WaitingLine {
  #waiting: KafkaDelivery[] = []
  #next = 0
  #bytes = 0

  get length(): number {
    return this.#waiting.length - this.#next
  }

  get bytes(): number {
    return this.#bytes
  }

  get nextDue(): number | undefined {
    return this.length > 0 ? 0 : undefined
  }

  push(delivery: KafkaDelivery): void {
    this.#bytes += delivery.body.length
    this.#waiting.push(delivery)
  }

  unshift(delivery: KafkaDelivery): void {
    this.#bytes += delivery.body.length
    this.#waiting.splice(this.#next, 0, delivery)
  }

  shift(): KafkaDelivery | undefined {
    const delivery = this.#waiting[this.#next]
    if (!delivery) return undefined
    this.#next++
    this.#bytes -= delivery.body.length
    if (this.#next === this.#waiting.length || this.#next === sliceAt) {
      this.#waiting = this.#waiting.slice(this.#next)
      this.#next = 0
    }

    return delivery
  }

  clear(): void {
    this.#waiting = []
    this.#next = 0
    this.#bytes = 0
  }
}

/** In the order of the moments at which they may be given: a heap. */
export class DueLine implements WaitingLine {
  #heap: KafkaDelivery[] = []
  #bytes = 0

  get length(): number {
    return this.#heap.length
  }

  get bytes(): number {
    return this.#bytes
  }

  get nextDue(): number | undefined {
    return this.#heap[0]?.due
  }

  push(delivery: KafkaDelivery): void {
    this.#bytes += delivery.body.length
    this.#heap.push(delivery)
    for (let at = this.#heap.length - 1; at > 0; at = (at - 1) >> 1) {
      if (!this.#isBefore(at, (at - 1) >> 1)) break
      this.#swap(at, (at - 1) >> 1)
    }
  }

  unshift(delivery: KafkaDelivery): void {
    this.push(delivery)
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
