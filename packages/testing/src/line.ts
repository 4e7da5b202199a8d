/** Which way bytes go: `up` from client to server, `down` from server to client. */
export type Direction = 'up' | 'down'

/** What is wrong, at this moment, with one direction of every connection. */
export interface Line {
  latencyMs: number
  jitterMs: number
  bytesPerSecond: number
  sliceBytes: number
  /** Nothing is forwarded, nothing is lost. */
  isHeld: boolean
  /** What is sent disappears. */
  isDropped: boolean
}

/** The lines of a proxy, and the number of bytes after which it cuts. */
export class Lines {
  readonly up = healthyLine()
  readonly down = healthyLine()
  #bytesLeft = Number.POSITIVE_INFINITY
  #counted: readonly Direction[] = []

  /** Applies a change to the lines that are meant. */
  change(direction: Direction | 'both', change: Partial<Line>): void {
    for (const each of directions(direction)) Object.assign(this[each], change)
  }

  cutAfter(bytes: number, direction: Direction | 'both'): void {
    this.#bytesLeft = bytes
    this.#counted = directions(direction)
  }

  /** How many of `bytes` may still pass before the cut. */
  allow(bytes: number, direction: Direction): number {
    return this.#counted.includes(direction) ? Math.min(bytes, this.#bytesLeft) : bytes
  }

  /** Counts what passed; true for the connection that carried the last byte before the cut, once. */
  spend(bytes: number, direction: Direction): boolean {
    if (!this.#counted.includes(direction)) return false
    this.#bytesLeft -= bytes
    if (this.#bytesLeft > 0) return false
    this.cutAfter(Number.POSITIVE_INFINITY, 'both')
    this.#counted = []

    return true
  }

  heal(): void {
    Object.assign(this.up, healthyLine())
    Object.assign(this.down, healthyLine())
    this.#counted = []
  }
}

function healthyLine(): Line {
  return { latencyMs: 0, jitterMs: 0, bytesPerSecond: Number.POSITIVE_INFINITY, sliceBytes: Number.POSITIVE_INFINITY, isHeld: false, isDropped: false }
}

function directions(direction: Direction | 'both'): readonly Direction[] {
  return direction === 'both' ? ['up', 'down'] : [direction]
}
