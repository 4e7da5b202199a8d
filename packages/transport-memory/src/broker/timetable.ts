import type { Runtime } from '@waybill/core'

interface Appointment {
  readonly due: number
  readonly sequence: number
  readonly work: () => void
}

/** What the broker does at a later time, by one timer, in the order of the times and then of the asking. */
export class Timetable {
  readonly #heap: Appointment[] = []
  #runtime: Runtime | undefined
  #sequence = 0
  #isStopped = false
  #cancel: (() => void) | undefined
  #armedFor = Number.POSITIVE_INFINITY

  /** Goes on by another clock: the broker outlives the apps that connect to it. */
  use(runtime: Runtime): void {
    this.#disarm()
    this.#runtime = runtime
    this.#arm()
  }

  at(due: number, work: () => void): void {
    this.#heap.push({ due, sequence: this.#sequence++, work })
    this.#rise(this.#heap.length - 1)
    this.#arm()
  }

  /** No timer is left. What is due stays noted, until `resume`. */
  stop(): void {
    this.#isStopped = true
    this.#disarm()
  }

  resume(): void {
    this.#isStopped = false
    this.#arm()
  }

  #disarm(): void {
    this.#cancel?.()
    this.#cancel = undefined
    this.#armedFor = Number.POSITIVE_INFINITY
  }

  #arm(): void {
    const runtime = this.#runtime
    const due = this.#heap[0]?.due
    if (this.#isStopped || runtime === undefined || due === undefined || due >= this.#armedFor) return
    this.#cancel?.()
    this.#armedFor = due
    // Node's timers hold 31 bits of milliseconds; a longer one would fire at once. It wakes early and arms again.
    this.#cancel = runtime.after(Math.min(Math.max(0, due - runtime.now()), longestTimerMs), () => this.#run(runtime))
  }

  #run(runtime: Runtime): void {
    this.#cancel = undefined
    this.#armedFor = Number.POSITIVE_INFINITY
    const now = runtime.now()
    for (let next = this.#heap[0]; next !== undefined && next.due <= now; next = this.#heap[0]) {
      this.#removeFirst()
      next.work()
    }
    this.#arm()
  }

  #removeFirst(): void {
    const last = this.#heap.pop()
    if (last === undefined || this.#heap.length === 0) return
    this.#heap[0] = last
    this.#sink(0)
  }

  #rise(from: number): void {
    for (let at = from; at > 0; ) {
      const parent = (at - 1) >> 1
      if (!this.#swapIfEarlier(at, parent)) return
      at = parent
    }
  }

  #sink(from: number): void {
    for (let at = from; ; ) {
      const left = 2 * at + 1
      const child = left + 1 < this.#heap.length && this.#isEarlier(left + 1, left) ? left + 1 : left
      if (child >= this.#heap.length || !this.#swapIfEarlier(child, at)) return
      at = child
    }
  }

  #swapIfEarlier(lower: number, upper: number): boolean {
    if (!this.#isEarlier(lower, upper)) return false
    const kept = this.#heap[upper] as Appointment
    this.#heap[upper] = this.#heap[lower] as Appointment
    this.#heap[lower] = kept

    return true
  }

  #isEarlier(a: number, b: number): boolean {
    const one = this.#heap[a] as Appointment
    const other = this.#heap[b] as Appointment

    return one.due < other.due || (one.due === other.due && one.sequence < other.sequence)
  }
}

const longestTimerMs = 2_147_483_647
