import { AsyncLocalStorage } from 'node:async_hooks'
import type { Runtime } from '@waybill/core'

/** Whose code runs: that of a listener knows the life of its app. */
export const lives = new AsyncLocalStorage<Life>()

/** The clock of one run of an app. What the app had armed goes with it, as the memory of a process does. */
export class Life implements Runtime {
  readonly #runtime: Runtime
  readonly #timers = new Set<() => void>()
  /** What was armed after the end; taking the app apart may wait for it. */
  readonly #kept = new Set<() => void>()
  #sleeping = 0
  #isOver = false
  #isBuried = false

  constructor(runtime: Runtime) {
    this.#runtime = runtime
  }

  get isOver(): boolean {
    return this.#isOver
  }

  /** How many of its listeners wait for the clock and say so. */
  get sleeping(): number {
    return this.#isOver ? 0 : this.#sleeping
  }

  now(): number {
    return this.#runtime.now()
  }

  elapsed(): number {
    return this.#runtime.elapsed()
  }

  random(): number {
    return this.#runtime.random()
  }

  id(): string {
    return this.#runtime.id()
  }

  after(ms: number, work: () => void): () => void {
    if (this.#isSilent) return this.#keep(ms, work)
    const cancel = this.#runtime.after(ms, () => {
      this.#timers.delete(end)
      work()
    })
    const end = (): void => {
      this.#timers.delete(end)
      cancel()
    }
    this.#timers.add(end)

    return end
  }

  soon(work: () => void): void {
    this.#runtime.soon(() => {
      if (!this.#isSilent) work()
    })
  }

  /** Never ends where the life does before. */
  async sleep(ms: number): Promise<void> {
    this.#sleeping++
    await new Promise<void>((resolve) => void this.after(ms, resolve))
    this.#sleeping--
  }

  /** From now on nothing of it happens. */
  end(): void {
    this.#isOver = true
    for (const end of [...this.#timers]) end()
  }

  /** Lets the app that is dead be taken apart, which takes timers. */
  bury(): void {
    this.#isBuried = true
    for (const arm of this.#kept) arm()
    this.#kept.clear()
  }

  #keep(ms: number, work: () => void): () => void {
    let cancel: (() => void) | undefined
    const arm = (): void => {
      cancel = this.after(ms, work)
    }
    this.#kept.add(arm)

    return () => {
      this.#kept.delete(arm)
      cancel?.()
    }
  }

  get #isSilent(): boolean {
    return this.#isOver && !this.#isBuried
  }
}
