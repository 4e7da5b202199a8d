/** A piece of work and the moment at which it is due. */
export interface Timer {
  readonly dueAt: number
  /** Breaks ties: what was armed first runs first. */
  readonly order: number
  work: (() => void) | undefined
}

/** Timers in the order in which they are due. */
export class TimerHeap {
  readonly #timers: Timer[] = []

  get first(): Timer | undefined {
    return this.#timers[0]
  }

  push(timer: Timer): void {
    let at = this.#timers.push(timer) - 1
    while (at > 0) {
      const parent = (at - 1) >> 1
      if (!this.#isBefore(at, parent)) return
      this.#swap(at, parent)
      at = parent
    }
  }

  pop(): Timer | undefined {
    const [first] = this.#timers
    const last = this.#timers.pop()
    if (!last || last === first) return first
    this.#timers[0] = last
    this.#sink()

    return first
  }

  #sink(): void {
    for (let at = 0; ; ) {
      const left = at * 2 + 1
      const child = left + 1 < this.#timers.length && this.#isBefore(left + 1, left) ? left + 1 : left
      if (child >= this.#timers.length || !this.#isBefore(child, at)) return
      this.#swap(at, child)
      at = child
    }
  }

  #isBefore(one: number, other: number): boolean {
    const [a, b] = [this.#timers[one], this.#timers[other]] as [Timer, Timer]

    return a.dueAt === b.dueAt ? a.order < b.order : a.dueAt < b.dueAt
  }

  #swap(one: number, other: number): void {
    const [a, b] = [this.#timers[one], this.#timers[other]] as [Timer, Timer]
    this.#timers[one] = b
    this.#timers[other] = a
  }
}
