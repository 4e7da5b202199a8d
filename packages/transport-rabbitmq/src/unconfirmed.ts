/** Twice what the publisher lets out: hardly one is still in its place when that is needed again. */
const places = 8_192

/**
 * What was written on a channel and is not confirmed, by its tag. Each tag has its place, so that it is found and removed at once; a Map that is
 * added to and deleted from all the time is rebuilt again and again, and each old table keeps what it held until the next full collection.
 */
export class Unconfirmed<T extends { readonly tag: number }> {
  readonly #places = new Array<T | undefined>(places).fill(undefined)
  /** Those whose place is another's: the broker took so many after them first. */
  readonly #late = new Map<number, T>()
  #size = 0
  #last = 0
  /** All before it are gone. */
  #next = 1

  get size(): number {
    return this.#size
  }

  /** Its tag is one more than that of the one before. */
  add(item: T): void {
    const place = item.tag % places
    const late = this.#places[place]
    if (late) this.#late.set(late.tag, late)
    this.#places[place] = item
    this.#last = item.tag
    this.#size++
  }

  /** The tag of the one that waits longest. */
  get oldestTag(): number | undefined {
    if (this.#size === 0) return undefined
    if (this.#late.size > 0) return Math.min(...this.#late.keys())
    for (let tag = Math.max(this.#next, this.#last - places + 1); tag <= this.#last; tag++) if (this.get(tag)) return tag

    return undefined
  }

  /** Undefined where it is not among them, or not any more. */
  get(tag: number): T | undefined {
    const item = this.#places[tag % places]

    return item?.tag === tag ? item : this.#late.get(tag)
  }

  /** The same, and removes it. */
  take(tag: number): T | undefined {
    const item = this.get(tag)
    if (!item) return undefined
    if (!this.#late.delete(tag)) this.#places[tag % places] = undefined
    this.#size--

    return item
  }

  /** Removes all up to this tag, in their order. */
  takeUpTo(tag: number): readonly T[] {
    const last = Math.min(tag, this.#last)
    const tags = [...this.#late.keys()].filter((late) => late <= last)
    for (let at = Math.max(this.#next, this.#last - places + 1); at <= last; at++) tags.push(at)
    this.#next = Math.max(this.#next, last + 1)

    return tags.flatMap((at) => this.take(at) ?? [])
  }

  takeAll(): readonly T[] {
    return this.takeUpTo(this.#last)
  }
}
