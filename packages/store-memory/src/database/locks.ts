import { StoreConflict } from '@waybill/core'

/** Whoever holds locks and waits for those of others. */
type Holder = object

interface Waiter {
  readonly holder: Holder
  readonly granted: () => void
  readonly refused: (error: Error) => void
}

interface Lock {
  readonly row: string
  holder: Holder
  readonly line: Waiter[]
}

/** One holder a row at a time; the others wait in line. Of those that would wait for each other, the last to come is told so instead. */
export class Locks {
  readonly #locks = new Map<string, Lock>()
  readonly #held = new Map<Holder, Set<string>>()
  readonly #waitsFor = new Map<Holder, Lock>()

  get waiting(): number {
    return this.#waitsFor.size
  }

  /** False: somebody else holds it. */
  tryTake(row: string, holder: Holder): boolean {
    const lock = this.#locks.get(row)
    if (lock) return lock.holder === holder
    this.#locks.set(row, { row, holder, line: [] })
    this.#note(row, holder)

    return true
  }

  /** Undefined: it is taken at once. */
  take(row: string, holder: Holder): Promise<void> | undefined {
    if (this.tryTake(row, holder)) return undefined
    const lock = this.#locks.get(row) as Lock
    if (this.#leadsTo(holder, lock))
      return Promise.reject(new StoreConflict('DEADLOCK', `Two transactions wait for each other's rows; this one was to have "${row}". It was rolled back and can run again.`))

    return new Promise((granted, refused) => {
      this.#waitsFor.set(holder, lock)
      lock.line.push({ holder, granted, refused })
    })
  }

  /** Gives everything back, and stops waiting. */
  release(holder: Holder, reason: Error): void {
    const lock = this.#waitsFor.get(holder)
    if (lock) {
      const [left] = lock.line.splice(
        lock.line.findIndex((waiter) => waiter.holder === holder),
        1,
      )
      this.#waitsFor.delete(holder)
      left?.refused(reason)
    }
    const held = this.#held.get(holder) ?? []
    this.#held.delete(holder)
    for (const row of held) this.#pass(row)
  }

  #pass(row: string): void {
    const lock = this.#locks.get(row)
    const next = lock?.line.shift()
    if (!lock || !next) return void this.#locks.delete(row)
    lock.holder = next.holder
    this.#note(row, next.holder)
    this.#waitsFor.delete(next.holder)
    next.granted()
  }

  #note(row: string, holder: Holder): void {
    const held = this.#held.get(holder)
    if (held) held.add(row)
    else this.#held.set(holder, new Set([row]))
  }

  #leadsTo(holder: Holder, from: Lock): boolean {
    for (let lock: Lock | undefined = from; lock; lock = this.#waitsFor.get(lock.holder)) if (lock.holder === holder) return true

    return false
  }
}
