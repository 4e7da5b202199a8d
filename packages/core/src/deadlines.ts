import type { Runtime } from './runtime.js'

/** A thing that has a time to end; it keeps its place among the others while it waits. */
export interface Expiring<T> {
  due: Due<T> | undefined
}

/** The place of one thing among those that came before and after it. */
export interface Due<T> {
  readonly item: T
  readonly at: number
  before: Due<T> | undefined
  after: Due<T> | undefined
}

/**
 * Things that all have the same time to end. One timer serves them all: they expire in the order in which they came,
 * so only the oldest needs to be watched, and a message costs no timer of its own.
 */
export class Deadlines<T extends Expiring<T>> {
  readonly #runtime: Runtime
  readonly #ms: number
  readonly #onExpired: (item: T) => void
  // A chain, and no Map: one that things enter and leave all the time is rebuilt again and again, and each old table keeps what it held
  // until the next full collection.
  #first: Due<T> | undefined
  #last: Due<T> | undefined
  #size = 0
  #cancel: (() => void) | undefined

  constructor(runtime: Runtime, ms: number, onExpired: (item: T) => void) {
    this.#runtime = runtime
    this.#ms = ms
    this.#onExpired = onExpired
  }

  get size(): number {
    return this.#size
  }

  add(item: T): void {
    const due: Due<T> = { item, at: this.#runtime.elapsed() + this.#ms, before: this.#last, after: undefined }
    if (this.#last) this.#last.after = due
    else this.#first = due
    this.#last = due
    this.#size++
    item.due = due
    this.#cancel ??= this.#runtime.after(this.#ms, () => this.#sweep())
  }

  /** Does nothing where it is not among them, or not any more. */
  remove(item: T): void {
    const { due } = item
    if (!due) return
    item.due = undefined
    if (due.before) due.before.after = due.after
    else this.#first = due.after
    if (due.after) due.after.before = due.before
    else this.#last = due.before
    // What has left must not keep its neighbours in memory.
    due.before = undefined
    due.after = undefined
    this.#size--
  }

  /** All of them, the oldest first. */
  items(): T[] {
    const items: T[] = []
    for (let due = this.#first; due; due = due.after) items.push(due.item)

    return items
  }

  /** Forgets everything, and says what it was. */
  drain(): T[] {
    const items = this.items()
    for (const item of items) this.remove(item)
    this.#cancel?.()
    this.#cancel = undefined

    return items
  }

  #sweep(): void {
    this.#cancel = undefined
    const now = this.#runtime.elapsed()
    for (let due = this.#first; due; due = this.#first) {
      if (due.at > now) {
        this.#cancel ??= this.#runtime.after(due.at - now, () => this.#sweep())
        return
      }
      this.remove(due.item)
      this.#onExpired(due.item)
    }
  }
}
