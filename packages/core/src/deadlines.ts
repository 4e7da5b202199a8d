import type { Runtime } from './runtime.js'

/**
 * Things that all have the same time to end. One timer serves them all: they expire in the order in which they came,
 * so only the oldest needs to be watched, and a message costs no timer of its own.
 */
export class Deadlines<T> {
  readonly #runtime: Runtime
  readonly #ms: number
  readonly #onExpired: (item: T) => void
  readonly #due = new Map<T, number>()
  #cancel: (() => void) | undefined

  constructor(runtime: Runtime, ms: number, onExpired: (item: T) => void) {
    this.#runtime = runtime
    this.#ms = ms
    this.#onExpired = onExpired
  }

  get size(): number {
    return this.#due.size
  }

  add(item: T): void {
    this.#due.set(item, this.#runtime.elapsed() + this.#ms)
    this.#cancel ??= this.#runtime.after(this.#ms, () => this.#sweep())
  }

  /** False where it had expired before. */
  remove(item: T): boolean {
    return this.#due.delete(item)
  }

  /** Forgets everything, and says what it was. */
  drain(): T[] {
    const items = [...this.#due.keys()]
    this.#cancel?.()
    this.#cancel = undefined
    this.#due.clear()

    return items
  }

  #sweep(): void {
    this.#cancel = undefined
    const now = this.#runtime.elapsed()
    for (const [item, due] of this.#due) {
      if (due > now) {
        this.#cancel ??= this.#runtime.after(due - now, () => this.#sweep())
        return
      }
      this.#due.delete(item)
      this.#onExpired(item)
    }
  }
}
