import type { Runtime } from '@waybill/core'
import type { Lag } from './broker-faults.js'

/** What arrives late. Of two with the same key the earlier arrives first, whatever the lag is at the time. */
export class LateLine {
  readonly #runtime: Runtime
  readonly #lag: () => Lag
  readonly #dueByKey = new Map<string, number>()
  #dueInOrder = 0

  constructor(runtime: Runtime, lag: () => Lag) {
    this.#runtime = runtime
    this.#lag = lag
  }

  /** 0: it may arrive now. */
  waitMs(key: string | undefined): number {
    const { delayMs, jitterMs } = this.#lag()
    const now = this.#runtime.elapsed()
    const own = now + delayMs + (jitterMs > 0 ? Math.floor(this.#runtime.random() * jitterMs) : 0)
    const due = Math.max(own, key === undefined ? 0 : (this.#dueByKey.get(key) ?? 0), jitterMs > 0 ? 0 : this.#dueInOrder)
    if (due <= now) return 0
    if (key !== undefined) this.#dueByKey.set(key, due)
    if (jitterMs === 0) this.#dueInOrder = due

    return due - now
  }
}
