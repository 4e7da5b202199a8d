import type { Entry } from './message.js'

/**
 * What a channel holds and has not settled. Each entry knows its place, so that it is found and removed at once; a Set that is added to and
 * deleted from all the time is rebuilt again and again, and each old table keeps what it held until the next full collection.
 */
export class Unsettled {
  readonly #entries: Entry[] = []

  get size(): number {
    return this.#entries.length
  }

  add(entry: Entry): void {
    entry.slot = this.#entries.push(entry) - 1
  }

  /** False where it is not among them, or not any more. */
  delete(entry: Entry): boolean {
    const { slot } = entry
    if (this.#entries[slot] !== entry) return false
    const last = this.#entries.pop()
    if (last !== undefined && last !== entry) {
      this.#entries[slot] = last
      last.slot = slot
    }
    entry.slot = -1

    return true
  }

  /** Forgets all, and says what they were, in the order in which they came to their queues. */
  drain(): readonly Entry[] {
    const entries = this.#entries.splice(0)
    for (const entry of entries) entry.slot = -1

    return entries.sort((a, b) => a.sequence - b.sequence)
  }
}
