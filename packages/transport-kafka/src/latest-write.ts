/** Writes what stands at the moment, one write at a time: all that is asked for meanwhile goes with the next one. */
export class LatestWrite {
  readonly #write: () => Promise<void>
  #running: Promise<void> | undefined
  #isAsked = false

  constructor(write: () => Promise<void>) {
    this.#write = write
  }

  ask(): void {
    this.#isAsked = true
    this.#running ??= this.#run()
  }

  /** Resolves when all that was asked for is written; rejects where it could not be. */
  async done(): Promise<void> {
    await this.#running
    if (this.#isAsked) await this.#write()
  }

  /** Never rejects: what could not be written goes with the next one. */
  async #run(): Promise<void> {
    try {
      while (this.#isAsked) {
        this.#isAsked = false
        await this.#write()
      }
    } catch {
      this.#isAsked = true
    }
    this.#running = undefined
  }
}
