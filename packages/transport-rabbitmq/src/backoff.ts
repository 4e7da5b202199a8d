import type { Runtime } from '@waybill/core'

const firstMs = 100
const longestMs = 30_000

/** Full jitter between nothing and a bound that doubles from 100 ms to 30 s. */
export class Backoff {
  readonly #runtime: Runtime
  #tries = 0

  constructor(runtime: Runtime) {
    this.#runtime = runtime
  }

  /** How long to wait before the next try, at most `mostMs`. */
  next(mostMs = longestMs): number {
    const bound = Math.min(mostMs, firstMs * 2 ** Math.min(this.#tries, 20))
    this.#tries++

    return Math.round(this.#runtime.random() * bound)
  }

  reset(): void {
    this.#tries = 0
  }
}
