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
      stop = this.#runtime.after(ms, () => resolve(undefined))
    })
    await Promise.race([waited, this.cancelled])
    stop()
  }

  reset(): void {
    this.#attempt = 0
  }

  cancel(): void {
    this.#isCancelled = true
    this.#cancel()
  }
}
