import type { ResolvedListenerOptions } from './plan.js'
import type { Runtime } from './runtime.js'

/** So often the pace is set anew, while anything runs. */
const periodMs = 250
/** A timer that comes so late says that the process has too much to do. */
const longestDelayMs = 50
/** Runs that take so many times as long as the best period's say that whatever they wait for has too much to do. */
const slower = 2
/** The best period is forgotten slowly, so that work that has become slower for good finds its pace again. */
const forgetting = 1.002
const slowDown = 0.75

type Concurrency = ResolvedListenerOptions['concurrency']

/** Undefined where the two bounds are one: there is nothing to follow. */
export function paceOf(concurrency: Concurrency, runtime: Runtime, onFaster: () => void): Pace | undefined {
  return concurrency.min === concurrency.max ? undefined : new Pace(concurrency, runtime, onFaster)
}

/**
 * How many runs of a listener may go at once. Between two bounds it follows what it sees: in each period in which all were in use it grows by a step, and
 * when runs take twice as long as they can, or the event loop is late, it goes back by a quarter.
 */
export class Pace {
  readonly #min: number
  readonly #max: number
  readonly #step: number
  readonly #runtime: Runtime
  readonly #onFaster: () => void
  #limit: number
  #running = 0
  #ended = 0
  #tookMs = 0
  #done = 0
  #doneMs = 0
  #wasFull = false
  #bestMs = Number.POSITIVE_INFINITY
  #cancel: (() => void) | undefined

  constructor({ min, max }: Concurrency, runtime: Runtime, onFaster: () => void) {
    this.#min = min
    this.#max = max
    this.#step = Math.max(1, Math.round((max - min) / 20))
    this.#runtime = runtime
    this.#onFaster = onFaster
    this.#limit = min
  }

  get limit(): number {
    return this.#limit
  }

  /** The moment to give to {@link ended}. */
  began(): number {
    if (++this.#running >= this.#limit) this.#wasFull = true
    if (!this.#cancel) this.#watch()

    return this.#runtime.elapsed()
  }

  ended(since: number, error: unknown): void {
    const tookMs = this.#runtime.elapsed() - since
    this.#running--
    this.#ended++
    this.#tookMs += tookMs
    if (error !== undefined) return
    this.#done++
    this.#doneMs += tookMs
  }

  stop(): void {
    this.#cancel?.()
    this.#cancel = undefined
  }

  #watch(): void {
    const due = this.#runtime.elapsed() + periodMs
    this.#cancel = this.#runtime.after(periodMs, () => {
      this.#cancel = undefined
      this.#judge(this.#runtime.elapsed() - due)
      if (this.#running > 0) this.#watch()
    })
  }

  /** A period in which no run ended says nothing of how long they take: it goes on. */
  #judge(delayMs: number): void {
    if (delayMs > longestDelayMs) return this.#set(this.#slower)
    if (this.#ended === 0) return

    const meanMs = this.#tookMs / this.#ended
    const isSlow = meanMs > slower * this.#bestMs
    // What fails may fail at once, which says nothing of how long the work takes.
    if (this.#done > 0) this.#bestMs = Math.min(this.#doneMs / this.#done, this.#bestMs * forgetting)
    this.#set(isSlow ? this.#slower : this.#wasFull ? Math.min(this.#max, this.#limit + this.#step) : this.#limit)
  }

  get #slower(): number {
    return Math.max(this.#min, Math.floor(this.#limit * slowDown))
  }

  #set(limit: number): void {
    const isFaster = limit > this.#limit
    this.#limit = limit
    this.#ended = 0
    this.#tookMs = 0
    this.#done = 0
    this.#doneMs = 0
    this.#wasFull = this.#running >= limit
    if (isFaster) this.#onFaster()
  }
}
