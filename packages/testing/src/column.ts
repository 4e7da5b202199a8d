/** Numbers of at least 0 that grow as they are written: one per message, and no object. What was never written is 0. */
export class Column {
  #cells = new Uint32Array(1024)

  get(index: number): number {
    return this.#cells[index] ?? 0
  }

  set(index: number, value: number): void {
    if (index >= this.#cells.length) this.#grow(index)
    this.#cells[index] = value
  }

  #grow(index: number): void {
    const cells = new Uint32Array(Math.max(index + 1, this.#cells.length * 2))
    cells.set(this.#cells)
    this.#cells = cells
  }
}

/** Gives each name a number, from 0 on. */
export class Numbering<T> {
  readonly #numbers = new Map<T, number>()
  readonly #names: T[] = []

  get size(): number {
    return this.#names.length
  }

  /** The name's number, a new one where it has none. */
  of(name: T): number {
    const found = this.#numbers.get(name)
    if (found !== undefined) return found
    this.#numbers.set(name, this.#names.length)

    return this.#names.push(name) - 1
  }

  find(name: T): number | undefined {
    return this.#numbers.get(name)
  }

  name(number: number): T {
    return this.#names[number] as T
  }
}
