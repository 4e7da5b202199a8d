/** A ring that takes and gives at both ends in constant time; `Array.shift` moves everything that is left. */
export class Deque<T> {
  #ring: (T | undefined)[] = new Array<T | undefined>(16)
  #head = 0
  #size = 0

  get size(): number {
    return this.#size
  }

  get first(): T | undefined {
    return this.#ring[this.#head]
  }

  push(item: T): void {
    if (this.#size === this.#ring.length) this.#grow()
    this.#ring[(this.#head + this.#size) & (this.#ring.length - 1)] = item
    this.#size++
  }

  unshift(item: T): void {
    if (this.#size === this.#ring.length) this.#grow()
    this.#head = (this.#head - 1) & (this.#ring.length - 1)
    this.#ring[this.#head] = item
    this.#size++
  }

  shift(): T | undefined {
    if (this.#size === 0) return undefined
    const item = this.#ring[this.#head]
    this.#ring[this.#head] = undefined
    this.#head = (this.#head + 1) & (this.#ring.length - 1)
    this.#size--
    if (this.#size === 0 && this.#ring.length > largestIdle) this.#reset()

    return item
  }

  *[Symbol.iterator](): Iterator<T> {
    for (let i = 0; i < this.#size; i++) yield this.#ring[(this.#head + i) & (this.#ring.length - 1)] as T
  }

  #grow(): void {
    const all = [...this]
    // A power of two, so that a place is found by masking instead of dividing.
    all.length = this.#ring.length * 2
    this.#ring = all
    this.#head = 0
  }

  /** A backlog of a million that was worked off gives its memory back. */
  #reset(): void {
    this.#ring = new Array<T | undefined>(16)
    this.#head = 0
  }
}

const largestIdle = 1024
