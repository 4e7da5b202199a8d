import type { Runtime } from './runtime.js'

const firstMs = 100
const longestMs = 30_000

/** The waits of what is tried for ever: full jitter below a bound that doubles from 100 ms to 30 s. For adapters that connect again. */
export class Backoff {
  /** Resolves when no wait will ever be needed again. */
  readonly cancelled: Promise<undefined>
  readonly #runtime: Runtime
  #tries = 0
  #cancel: () => void = () => {}
  #wake: () => void = () => {}
  #isCancelled = false

  constructor(runtime: Runtime) {
    this.#runtime = runtime
    this.cancelled = new Promise((resolve) => {
      this.#cancel = () => resolve(undefined)
    })
  }

  /** How long to wait before the next try, at most `mostMs`. Default: 30 s. */
  next(mostMs = longestMs): number {
    return Math.round(this.#runtime.random() * boundOf(this.#tries++, firstMs, mostMs))
  }

  /** Resolves after the next wait, or at once when it is cut short or all are cancelled. `tell` hears how long it is. */
  async pause(tell: (ms: number) => void): Promise<void> {
    if (this.#isCancelled) return
    const ms = this.next()
    tell(ms)
    let stop: () => void = () => {}
    const waited = new Promise<undefined>((resolve) => {
      this.#wake = () => resolve(undefined)
      stop = this.#runtime.after(ms, this.#wake)
    })
    await Promise.race([waited, this.cancelled])
    stop()
  }

  /** Ends the wait that is under way: there is reason to believe that the next try succeeds. */
  hurry(): void {
    this.reset()
    this.#wake()
  }

  /** It succeeded: the next waits are short again. */
  reset(): void {
    this.#tries = 0
  }

  /** Ends the wait that is under way, and every later one at once. */
  cancel(): void {
    this.#isCancelled = true
    this.#cancel()
  }
}

/** The longest wait after so many tries. */
export function boundOf(tries: number, leastMs: number, mostMs: number): number {
  return Math.min(mostMs, leastMs * 2 ** Math.min(tries, 20))
}
