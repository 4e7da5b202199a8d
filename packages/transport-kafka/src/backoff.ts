import type { Runtime } from '@waybill/core'

const firstMs = 100
const longestMs = 30_000

/** Waits of 100 ms … 30 s with full jitter, which can be cut short. */
export class Backoff {
  /** Resolves when no wait will ever be needed again. */
  readonly cancelled: Promise<undefined>
  readonly #runtime: Runtime
  #attempt = 0
  #cancel: () => void = () => {}
  #wake: () => void = () => {}
  #isCancelled = false

  constructor(runtime: Runtime) {
    this.#runtime = runtime
    this.cancelled = new Promise((resolve) => {
      this.#cancel = () => resolve(undefined)
    })
  }

  get isCancelled(): boolean {
    return this.#isCancelled
  }

  /** Resolves after the next wait, or when cancelled. `tell` hears how long it is. */
  async pause(tell: (ms: number) => void): Promise<void> {
    if (this.#isCancelled) return
    const ms = Math.round(this.#runtime.random() * Math.min(longestMs, firstMs * 2 ** Math.min(this.#attempt++, 20)))
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
    this.#attempt = 0
    this.#wake()
  }

  reset(): void {
    this.#attempt = 0
  }

  cancel(): void {
    this.#isCancelled = true
    this.#cancel()
  }
}
