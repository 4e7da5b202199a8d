import type { Logger, Runtime } from '@waybill/core'

const firstDistanceMs = 10_000
const longestDistanceMs = 600_000

/** What the log says of work that fails again and again: the first time, then at growing distances, and when it works again. */
export class Outage {
  readonly #log: Logger
  readonly #runtime: Runtime
  readonly #works: string
  #since: number | undefined
  #speaksAt = 0
  #distanceMs = firstDistanceMs

  /** `works`: said when it is over. */
  constructor({ log, runtime }: { readonly log: Logger; readonly runtime: Runtime }, works: string) {
    this.#log = log
    this.#runtime = runtime
    this.#works = works
  }

  failed(sentence: string): void {
    const now = this.#runtime.elapsed()
    if (this.#since === undefined) {
      this.#since = now
      this.#speaksAt = now
      this.#distanceMs = firstDistanceMs
    }
    if (now < this.#speaksAt) return this.#log.debug(sentence)
    this.#speaksAt = now + this.#distanceMs
    this.#distanceMs = Math.min(longestDistanceMs, 2 * this.#distanceMs)
    this.#log.warn(sentence, now === this.#since ? undefined : { sinceSeconds: Math.round((now - this.#since) / 1_000) })
  }

  worked(): void {
    if (this.#since === undefined) return
    this.#log.info(`${this.#works} after ${Math.round((this.#runtime.elapsed() - this.#since) / 1_000)} s.`)
    this.#since = undefined
  }
}
