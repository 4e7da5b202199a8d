import type { ResolvedListenerOptions } from './plan.js'
import type { Runtime } from './runtime.js'

/** So often the pace is set anew, while anything runs. */
const periodMs = 250
/** A timer that comes so late says that the process has too much to do. */
const longestDelayMs = 50
/** Runs that take so many times as long as the best period's say that whatever they wait for has too much to do. */
const slower = 2
/** Below it, differences say more of the process than of the work. */
const leastMs = 5
/** In so many periods at the lower bound it shows how long the work takes now: fewer at once would not make it faster. */
const periodsAtMin = 4
/** The best period is forgotten slowly, so that work that has become slower for good finds its pace again. */
const forgetting = 1.002
const slowDown = 0.75

type Concurrency = ResolvedListenerOptions['concurrency']

/** Undefined where the two bounds are one: there is nothing to follow. */
export function paceOf(concurrency: Concurrency, runtime: Runtime, onFaster: () => void): Pace | undefined {
  return concurrency.min === concurrency.max ? undefined : new Pace(concurrency, runtime, onFaster)
}

/**
 * How many runs of a listener may go at once. Between two bounds it follows what it sees: in each period in which all were in use it grows by a step, as long as they are no older than they should be, and
 * when runs take twice as long as they can, or the event loop is late, it goes back by a quarter. Work that stays slow at the lower bound has become so for good.
 */
export class Pace {
  readonly #min: number
  readonly #max: number
  readonly #step: number
  readonly #runtime: Runtime
  readonly #onFaster: () => void
  #limit: number
  /** The limit at which runs ended last. */
  #known: number
  #running = 0
  /** The sum of the moments in which those that run began. */
  #beganMs = 0
  #ended = 0
  #tookMs = 0
  #done = 0
  #doneMs = 0
  #wasFull = false
  #slowAtMin = 0
  #bestMs = Number.POSITIVE_INFINITY
  #cancel: (() => void) | undefined

  constructor({ min, max }: Concurrency, runtime: Runtime, onFaster: () => void) {
    this.#min = min
    this.#max = max
    this.#step = Math.max(1, Math.round((max - min) / 20))
    this.#runtime = runtime
    this.#onFaster = onFaster
    this.#limit = min
    this.#known = min
  }

  get limit(): number {
    return this.#limit
  }

  /** The moment to give to {@link ended}. */
  began(): number {
    if (++this.#running >= this.#limit) this.#wasFull = true
    if (!this.#cancel) this.#watch()
    const now = this.#runtime.elapsed()
    this.#beganMs += now

    return now
  }

  ended(since: number, error: unknown): void {
    const tookMs = this.#runtime.elapsed() - since
    this.#running--
    this.#beganMs -= since
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
      // A run that began because of it watches already.
      if (this.#running > 0 && !this.#cancel) this.#watch()
    })
  }

  #judge(delayMs: number): void {
    if (delayMs > longestDelayMs) return this.#set(this.#slower)
    if (this.#ended === 0) return this.#judgeRunning()

    const meanMs = this.#tookMs / this.#ended
    const isSlow = meanMs > slower * Math.max(this.#bestMs, leastMs)
    this.#slowAtMin = isSlow && this.#limit === this.#min && this.#running <= this.#min ? this.#slowAtMin + 1 : 0
    if (this.#slowAtMin >= periodsAtMin) this.#bestMs = Number.POSITIVE_INFINITY
    // What fails may fail at once, which says nothing of how long the work takes.
    if (this.#done > 0) this.#bestMs = Math.min(this.#doneMs / this.#done, this.#bestMs * forgetting)
    this.#set(isSlow ? this.#slower : this.#wasFull ? this.#faster : this.#limit)
    this.#known = this.#limit
  }

  /**
   * No run ended, which may be their way: then those of different ages are half as old as they become. How they get on with more of them shows when they
   * end, so until then it doubles at the most; before the first end nobody knows.
   */
  #judgeRunning(): void {
    const meanAgeMs = this.#runtime.elapsed() - this.#beganMs / this.#running
    const isUsual = this.#bestMs < Number.POSITIVE_INFINITY && 2 * meanAgeMs <= this.#bestMs
    if (isUsual && this.#running >= this.#limit) this.#set(Math.max(this.#limit, Math.min(this.#faster, 2 * this.#known)))
  }

  get #faster(): number {
    return Math.min(this.#max, this.#limit + this.#step)
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
