import { setTimeout as realTime } from 'node:timers/promises'

/** The listeners that run. Those that wait for something real, a file or a database, do not obey the clock: they are waited for. */
export class Workload {
  readonly #patienceMs: number
  readonly #running = new Set<object>()
  /** Waited for once, in vain. */
  readonly #hung = new WeakSet<object>()
  #onEnd: (() => void) | undefined

  constructor(patienceMs: number) {
    this.#patienceMs = patienceMs
  }

  get size(): number {
    return this.#running.size
  }

  begin(run: object): void {
    this.#running.add(run)
  }

  end(run: object): void {
    this.#running.delete(run)
    this.#onEnd?.()
  }

  /** Whether one is to be waited for. */
  get isOpen(): boolean {
    return this.#patienceMs > 0 && [...this.#running].some((run) => !this.#hung.has(run))
  }

  /** True: one of them has ended, so there may be more to do. */
  async change(): Promise<boolean> {
    const patience = new AbortController()
    const ended = new Promise<true>((resolve) => {
      this.#onEnd = () => resolve(true)
    })
    const hasEnded = await Promise.race([ended, realTime(this.#patienceMs, false, { signal: patience.signal })])
    patience.abort()
    this.#onEnd = undefined
    if (!hasEnded) for (const run of this.#running) this.#hung.add(run)

    return hasEnded
  }
}
