import type { LogFields, Logger } from './logger.js'
import type { Runtime } from './runtime.js'

const firstDistanceMs = 10_000
const longestDistanceMs = 600_000
/** What fails again sooner belongs to the same outage. */
const calmMs = 60_000

/** What the log says of something that fails again and again: the first time, then at growing distances, and when it works again. Each failure is told at `debug`. */
export class Outage {
  readonly #runtime: Runtime
  readonly #log: Logger
  readonly #works: (lasting: string) => string
  #since = 0
  #calmAt = Number.NEGATIVE_INFINITY
  #speaksAt = 0
  #distanceMs = firstDistanceMs
  #isAway = false
  #isTold = false

  constructor({ runtime, log }: { readonly runtime: Runtime; readonly log: Logger }, works: (lasting: string) => string) {
    this.#runtime = runtime
    this.#log = log
    this.#works = works
  }

  /** `say` gets how long it has lasted, such as ` after 20 s`: nothing the first time. */
  failed(say: (lasting: string) => string, fields?: LogFields): void {
    const now = this.#runtime.elapsed()
    if (!this.#isAway && now >= this.#calmAt) this.#begin(now)
    this.#isAway = true
    const sentence = say(now === this.#since ? '' : this.#lasting(now))
    if (now < this.#speaksAt) return this.#log.debug(sentence, fields)

    this.#speaksAt = now + this.#distanceMs
    this.#distanceMs = Math.min(longestDistanceMs, 2 * this.#distanceMs)
    this.#isTold = true
    this.#log.warn(sentence, fields)
  }

  worked(): void {
    if (!this.#isAway) return
    const now = this.#runtime.elapsed()
    this.#isAway = false
    this.#calmAt = now + calmMs
    if (this.#isTold) this.#log.info(this.#works(this.#lasting(now)))
    this.#isTold = false
  }

  /** What failed is not wanted any more. */
  over(): void {
    this.#isAway = false
  }

  #begin(now: number): void {
    this.#since = now
    this.#speaksAt = now
    this.#distanceMs = firstDistanceMs
  }

  #lasting(now: number): string {
    return ` after ${Math.round((now - this.#since) / 1_000)} s`
  }
}
