import type { Runtime } from '@waybill/core'

/** A clock that stands still until it is told to go on; its chance follows a seed. */
export class VirtualRuntime implements Runtime {
  #now = Date.UTC(2026, 0, 1)
  #ids = 0
  #seed: number
  #timers: { due: number; work: () => void }[] = []
  #soon: (() => void)[] = []

  constructor(seed = 1) {
    this.#seed = seed
  }

  now(): number {
    return this.#now
  }

  elapsed(): number {
    return this.#now
  }

  after(ms: number, work: () => void): () => void {
    const timer = { due: this.#now + ms, work }
    this.#timers.push(timer)

    return () => {
      this.#timers = this.#timers.filter((t) => t !== timer)
    }
  }

  soon(work: () => void): void {
    this.#soon.push(work)
  }

  random(): number {
    this.#seed = (Math.imul(this.#seed, 1_664_525) + 1_013_904_223) >>> 0

    return this.#seed / 2 ** 32
  }

  id(): string {
    return `0197ffff-0000-7000-8000-${String(++this.#ids).padStart(12, '0')}`
  }

  /** Timers that nobody cancelled. */
  get timers(): number {
    return this.#timers.length
  }

  /** Ends this turn and all that follow from it, without the clock going on. */
  settle(): void {
    for (let work = this.#soon.shift(); work !== undefined; work = this.#soon.shift()) work()
  }

  /** Lets time pass, timer after timer. */
  advance(ms: number): void {
    const end = this.#now + ms
    this.settle()
    for (let next = this.#next(end); next !== undefined; next = this.#next(end)) {
      this.#timers = this.#timers.filter((t) => t !== next)
      this.#now = next.due
      next.work()
      this.settle()
    }
    this.#now = end
  }

  #next(end: number): { due: number; work: () => void } | undefined {
    return this.#timers.filter((t) => t.due <= end).sort((a, b) => a.due - b.due)[0]
  }
}
