import { type Duration, type Runtime, uuid7Source } from '@waybill/core'
import { type Random, seededRandom } from './random.js'
import { type Timer, TimerHeap } from './timer-heap.js'
import { millisecondsOf } from './milliseconds.js'

/** 2026-01-01T00:00:00Z: where every virtual clock begins. */
const startOfTime = 1_767_225_600_000
const maxTimersOfOneMoment = 100_000

/** What has not run yet. */
export interface Pending {
  readonly timers: number
  /** Work given to `soon`. */
  readonly jobs: number
}

/**
 * Makes a runtime whose time moves only when the test says so. Chance and ids come from the seed: the same seed and the same calls give the
 * same history. The clock begins at 2026-01-01T00:00:00Z.
 */
export function virtualRuntime(seed: number | string = 1): VirtualRuntime {
  return new VirtualRuntime(seed)
}

/**
 * Time, chance and identity under a test's control. Hand it to `createApp`, or to whatever takes a `Runtime`.
 * What waits for real input or output (sockets, files, threads) does not obey it.
 */
export class VirtualRuntime implements Runtime {
  readonly #random: Random
  readonly #nextId: (nowMs: number) => string
  readonly #heap = new TimerHeap()
  #elapsedMs = 0
  #armed = 0
  #timers = 0
  #jobs = 0
  #isAdvancing = false

  /** @internal Made by {@link virtualRuntime}. */
  constructor(seed: number | string) {
    this.#random = seededRandom(seed)
    const chanceOfIds = seededRandom(`${seed} ids`)
    this.#nextId = uuid7Source((count) => Uint8Array.from({ length: count }, () => chanceOfIds.byte()))
  }

  now(): number {
    return startOfTime + this.#elapsedMs
  }

  elapsed(): number {
    return this.#elapsedMs
  }

  random(): number {
    return this.#random.next()
  }

  id(): string {
    return this.#nextId(this.now())
  }

  /** Runs `work` while {@link VirtualRuntime.advance} passes that moment, also one of 0 ms. */
  after(ms: number, work: () => void): () => void {
    const timer: Timer = { dueAt: this.#elapsedMs + (ms > 0 ? ms : 0), order: this.#armed++, work }
    this.#heap.push(timer)
    this.#timers++

    return () => this.#disarm(timer)
  }

  /** Runs `work` when the promises of this turn are done, in order and without an `advance`: no time passes until then. */
  soon(work: () => void): void {
    this.#jobs++
    process.nextTick(() => {
      this.#jobs--
      work()
    })
  }

  /**
   * Lets so much time pass: milliseconds, or `'5m'`. Timers run in the order in which they are due, those of one moment in the order in which
   * they were armed. Before each one, and at the end, everything that was set off runs to its end: promises, and what was given to `soon`.
   * Rejects with what a timer throws; time has then passed up to that timer.
   */
  async advance(time: number | Duration): Promise<void> {
    const until = this.#elapsedMs + millisecondsOf(time)
    if (this.#isAdvancing) throw new Error('Time is already advancing: await the call of "advance" that is under way before the next one.')
    this.#isAdvancing = true
    try {
      await this.#runUntil(until)
    } finally {
      this.#isAdvancing = false
    }
  }

  /** Timers and jobs that have not run yet: nothing, where nothing has leaked. */
  pending(): Pending {
    return { timers: this.#timers, jobs: this.#jobs }
  }

  /** How long until the next timer is due; undefined where none is armed. */
  get nextInMs(): number | undefined {
    const timer = this.#nextDue(Number.POSITIVE_INFINITY)
    if (timer) this.#heap.push(timer)

    return timer && timer.dueAt - this.#elapsedMs
  }

  async #runUntil(until: number): Promise<void> {
    let moment = -1
    let count = 0
    for (;;) {
      await this.#quiet()
      const timer = this.#nextDue(until)
      if (!timer) break
      count = timer.dueAt === moment ? count + 1 : 1
      moment = timer.dueAt
      if (count > maxTimersOfOneMoment) throw new Error(`More than ${maxTimersOfOneMoment} timers ran at one moment: a timer arms itself again without a delay.`)
      this.#elapsedMs = moment
      const { work } = timer
      this.#disarm(timer)
      work?.()
    }
    this.#elapsedMs = until
  }

  /** Takes the next timer, unless it is due later; leaves those that were disarmed behind. */
  #nextDue(until: number): Timer | undefined {
    for (let timer = this.#heap.first; timer && timer.dueAt <= until; timer = this.#heap.first) {
      this.#heap.pop()
      if (timer.work) return timer
    }

    return undefined
  }

  #disarm(timer: Timer): void {
    if (!timer.work) return
    timer.work = undefined
    this.#timers--
  }

  /** An immediate runs when no promise and no tick is left. */
  async #quiet(): Promise<void> {
    do await new Promise((resolve) => setImmediate(resolve))
    while (this.#jobs > 0)
  }
}
