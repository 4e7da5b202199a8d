import type { OutboxRow, ParkedMessage } from '@waybill/core'

/** The rows of one shard, who may publish them, and how far they are. */
export class Shard {
  readonly parked = new Map<bigint, ParkedMessage>()
  owner = ''
  epoch = 0n
  leaseUntil = 0
  isPaused = false
  /** Everything up to here is dealt with. */
  position = 0n
  #rows: OutboxRow[] = []

  add(row: OutboxRow): void {
    this.#rows.push(row)
  }

  /** Where the rows behind `position` begin. */
  from(position: bigint): number {
    let [low, high] = [0, this.#rows.length]
    while (low < high) {
      const middle = (low + high) >> 1
      if ((this.#rows[middle]?.seq ?? 0n) <= position) low = middle + 1
      else high = middle
    }

    return low
  }

  at(index: number): OutboxRow | undefined {
    return this.#rows[index]
  }

  get pending(): number {
    return this.#rows.length - this.from(this.position)
  }

  get oldest(): OutboxRow | undefined {
    return this.#rows[this.from(this.position)]
  }

  /** Drops what is dealt with. */
  clean(): number {
    const done = this.from(this.position)
    this.#rows = this.#rows.slice(done)

    return done
  }
}
