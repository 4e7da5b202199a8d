import { Deque } from './deque.js'
import type { Entry } from './message.js'

/** What waits in one queue: the highest priority first, the oldest first among equals. */
export class Backlog {
  readonly #lanes: (Deque<Entry> | undefined)[]
  #size = 0

  constructor(maxPriority: number) {
    this.#lanes = new Array<Deque<Entry> | undefined>(maxPriority + 1)
  }

  get size(): number {
    return this.#size
  }

  push(entry: Entry): void {
    this.#lane(entry).push(entry)
    this.#size++
  }

  /** Puts what was taken back to where it stood. */
  giveBack(entries: Iterable<Entry>): void {
    const latestFirst = [...entries].sort((a, b) => b.sequence - a.sequence)
    for (const entry of latestFirst) this.#insert(entry)
  }

  /** What is next to be delivered. */
  shift(): Entry | undefined {
    for (let priority = this.#lanes.length - 1; priority >= 0; priority--) {
      const entry = this.#lanes[priority]?.shift()
      if (entry !== undefined) return this.#taken(entry)
    }

    return undefined
  }

  /** What a full queue gives up: the oldest of the lowest priority. */
  shiftLeast(): Entry | undefined {
    for (const lane of this.#lanes) {
      const entry = lane?.shift()
      if (entry !== undefined) return this.#taken(entry)
    }

    return undefined
  }

  /** Takes out all that are meant, wherever they stand. */
  remove(isMeant: (entry: Entry) => boolean): readonly Entry[] {
    const meant = [...this].filter(isMeant)
    if (meant.length === 0) return meant
    const rest = [...this].filter((entry) => !isMeant(entry))
    while (this.shift() !== undefined);
    for (const entry of rest) this.push(entry)

    return meant
  }

  /** Those at the head of each priority whose time is up. */
  *expired(now: number): Generator<Entry> {
    for (const lane of this.#lanes) {
      while (lane?.first !== undefined && isExpired(lane.first, now)) yield this.#taken(lane.shift() as Entry)
    }
  }

  /** When the next head expires; infinity for never. */
  nextExpiry(): number {
    let next = Number.POSITIVE_INFINITY
    for (const lane of this.#lanes) next = Math.min(next, lane?.first?.expiresAt ?? next)

    return next
  }

  *[Symbol.iterator](): Iterator<Entry> {
    for (let priority = this.#lanes.length - 1; priority >= 0; priority--) yield* this.#lanes[priority] ?? []
  }

  #lane(entry: Entry): Deque<Entry> {
    const priority = Math.min(Math.max(entry.message.priority, 0), this.#lanes.length - 1)
    let lane = this.#lanes[priority]
    if (lane === undefined) this.#lanes[priority] = lane = new Deque<Entry>()

    return lane
  }

  #insert(entry: Entry): void {
    const lane = this.#lane(entry)
    const older: Entry[] = []
    while (lane.first !== undefined && lane.first.sequence < entry.sequence) older.push(lane.shift() as Entry)
    lane.unshift(entry)
    for (let i = older.length - 1; i >= 0; i--) lane.unshift(older[i] as Entry)
    this.#size++
  }

  #taken(entry: Entry): Entry {
    this.#size--

    return entry
  }
}

export function isExpired(entry: Entry, now: number): boolean {
  return entry.expiresAt !== undefined && entry.expiresAt <= now
}
