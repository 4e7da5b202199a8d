/** Counts how often each id was seen. */
export class Ledger {
  readonly #counts: Uint8Array
  #distinct = 0
  #repeats = 0

  constructor(expected: number) {
    this.#counts = new Uint8Array(expected)
  }

  /** An id that was never sent counts as a repeat: it belongs to nobody. */
  see(id: number): void {
    const seen = this.#counts[id]
    if (seen === 0) {
      this.#counts[id] = 1
      this.#distinct++
    } else {
      this.#repeats++
    }
  }

  get isComplete(): boolean {
    return this.#distinct === this.#counts.length
  }

  /** How many sightings there were; it grows as long as there is progress. */
  get sightings(): number {
    return this.#distinct + this.#repeats
  }

  get verdict(): Verdict {
    return { lost: this.#counts.length - this.#distinct, duplicated: this.#repeats }
  }
}

export interface Verdict {
  readonly lost: number
  readonly duplicated: number
}

/** What enters ids into a ledger needs of it. */
export type Sightings = Pick<Ledger, 'see' | 'isComplete'>
