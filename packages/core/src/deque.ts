const least = 16
/** An empty queue that was longer gives its memory back. */
const mostIdle = 1_024

/** A queue whose ends are both cheap, however long it is: a ring, so that one that is filled and emptied all the time stays where it is. */
export class Deque<T> {
  #ring: (T | undefined)[] = []
  #head = 0
  #length = 0

  get length(): number {
    return this.#length
  }

  push(item: T): void {
    if (this.#length === this.#ring.length) this.#grow()
    this.#ring[this.#at(this.#length)] = item
    this.#length++
  }

  unshift(item: T): void {
    if (this.#length === this.#ring.length) this.#grow()
    this.#head = this.#at(-1)
    this.#ring[this.#head] = item
    this.#length++
  }

  peek(): T | undefined {
    return this.#ring[this.#head]
  }

  /** The one so far behind the first. */
  get(offset: number): T | undefined {
    return offset < this.#length ? this.#ring[this.#at(offset)] : undefined
  }

  shift(): T | undefined {
    if (this.#length === 0) return undefined

    const item = this.#ring[this.#head]
    this.#ring[this.#head] = undefined
    this.#head = this.#at(1)
    this.#length--
    if (this.#length === 0 && this.#ring.length > mostIdle) this.clear()

    return item
  }

  clear(): void {
    this.#ring = []
    this.#head = 0
    this.#length = 0
  }

  /** The place so far behind the first. */
  #at(offset: number): number {
    // The length of a ring is a power of two: a mask instead of a division.
    return (this.#head + offset) & (this.#ring.length - 1)
  }

  #grow(): void {
    const ring = new Array<T | undefined>(Math.max(least, this.#ring.length * 2))
    for (let i = 0; i < this.#length; i++) ring[i] = this.#ring[this.#at(i)]
    this.#ring = ring
    this.#head = 0
  }
}
