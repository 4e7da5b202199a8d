import type { Logger } from './logger.js'
import type { Runtime } from './runtime.js'
import type { ConnectionState } from './transport.js'

const firstDistanceMs = 10_000
const longestDistanceMs = 600_000
/** What is lost again sooner belongs to the same outage. */
const calmMs = 60_000

/**
 * What the log says while connections of one transport or store are away: a line when the first is lost, further ones at growing distances, and one
 * when all are back. Each try is told at `debug`. For adapters that connect by themselves.
 */
export class Outage {
  readonly #name: string
  readonly #runtime: Runtime
  readonly #log: Logger
  readonly #away = new Set<string>()
  #since = 0
  #calmAt = Number.NEGATIVE_INFINITY
  #speaksAt = 0
  #distanceMs = 0
  #isTold = false

  constructor(name: string, { runtime, log }: { readonly runtime: Runtime; readonly log: Logger }) {
    this.#name = name
    this.#runtime = runtime
    this.#log = log
  }

  /** `everStood`: the app has started on it. */
  lost({ purpose, reason }: ConnectionState, everStood: boolean): void {
    const now = this.#runtime.elapsed()
    if (this.#away.size === 0 && now >= this.#calmAt) this.#begin(now)
    this.#away.add(purpose)
    if (now < this.#speaksAt) return this.#log.debug(`${this.#name}: ${purpose} lost`, { reason })

    const isFirst = now === this.#since
    this.#speaksAt = now + this.#distanceMs
    this.#distanceMs = Math.min(longestDistanceMs, 2 * this.#distanceMs)
    this.#isTold = true
    if (!everStood)
      return this.#log.warn(`${this.#name} cannot be reached${isFirst ? ' yet' : this.#lasting(now)} and is tried on: ${reason}. Is its address right, and does it run?`)
    this.#log.warn(isFirst ? `${this.#name}: ${purpose} lost` : `${this.#name}: ${[...this.#away].join(' and ')} still lost${this.#lasting(now)}`, { reason })
  }

  back({ purpose }: ConnectionState): void {
    if (!this.#away.delete(purpose)) return
    if (this.#away.size > 0) return this.#log.debug(`${this.#name}: ${purpose} connected`)

    const now = this.#runtime.elapsed()
    this.#calmAt = now + calmMs
    if (this.#isTold) this.#log.info(`${this.#name}: connected again${this.#lasting(now)}`)
    this.#isTold = false
  }

  /** It was given up, or is not wanted any more. */
  over({ purpose }: ConnectionState): void {
    this.#away.delete(purpose)
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
