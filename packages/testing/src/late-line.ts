import type { Runtime } from '@waybill/core'
import type { Lag } from './broker-faults.js'

/** What arrives late. Of two with the same key the earlier arrives first, whatever the lag is at the time. */
export class LateLine {
  readonly #runtime: Runtime
  readonly #lag: () => Lag
  readonly #dueByKey = new Map<string, number>()
  #dueInOrder = -1

  constructor(runtime: Runtime, lag: () => Lag) {
    this.#runtime = runtime
    this.#lag = lag
  }

  /** Undefined: it may arrive now. What is due at this very moment may not have arrived, so its successor waits behind it, for 0 ms. */
  waitMs(key: string | undefined): number | undefined {
    const { delayMs, jitterMs } = this.#lag()
    const now = this.#runtime.elapsed()
    const own = now + delayMs + (jitterMs > 0 ? Math.floor(this.#runtime.random() * jitterMs) : 0)
    const before = Math.max(key === undefined ? -1 : (this.#dueByKey.get(key) ?? -1), jitterMs > 0 ? -1 : this.#dueInOrder)
    if (own === now && before < now) return undefined
    const due = Math.max(own, before)
    if (key !== undefined) this.#dueByKey.set(key, due)
    if (jitterMs === 0) this.#dueInOrder = due

    return due - now
  }
}
