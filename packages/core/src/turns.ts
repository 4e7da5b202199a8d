/** Work on the same thing is done one after another, whatever becomes of each. For adapters too. */
export class Turns {
  readonly #last = new Map<string, Promise<void>>()

  /** Does the work when all that was asked for before on the thing of this name is over. */
  take<T>(name: string, work: () => Promise<T>): Promise<T> {
    const mine = (this.#last.get(name) ?? Promise.resolve()).then(work)
    const over = mine.then(
      () => undefined,
      () => undefined,
    )
    this.#last.set(name, over)
    void over.then(() => this.#last.get(name) === over && this.#last.delete(name))

    return mine
  }
}
