import type { Settlement } from '@waybill/core'
import type { Settler } from './delivery.js'
import { KafkaDelivery } from './delivery.js'
import type { StoredRecord } from './wire.js'

/** Told by a partition what its deliveries become. */
export interface PartitionOwner {
  finished(): void
  returned(partition: AssignedPartition, delivery: KafkaDelivery): void
  late(): void
}

export interface PartitionOptions {
  readonly topic: string
  readonly partition: number
  readonly owner: PartitionOwner
  /** Others are passed over, as if they were done. */
  readonly wanted: (record: StoredRecord) => boolean
  /** Records below this offset have been delivered before. */
  readonly givenBefore: number
}

/** Everything below `offset` is done; records below `given` may have been delivered, so they come again as redelivered. */
export interface Commit {
  readonly offset: number
  readonly given: number
}

/** What a fetch brought. */
export interface Fetched {
  readonly records: readonly StoredRecord[]
  /** The last one that the fetch passed, also where it was no message. */
  readonly lastOffset: string
  readonly highWatermark: string
}

/**
 * One partition for as long as this process has it. Knows which records wait here, which run, and up to where everything
 * is done: only that prefix may be committed. When the partition is lost, whatever still runs has nothing to say any more.
 */
export class AssignedPartition implements Settler {
  readonly topic: string
  readonly partition: number
  isPaused = false
  readonly #owner: PartitionOwner
  readonly #wanted: (record: StoredRecord) => boolean
  readonly #givenBefore: number
  #waiting: KafkaDelivery[] = []
  #nextWaiting = 0
  readonly #open = new OpenOffsets()
  #position: number | undefined
  #given = 0
  #highWatermark = 0
  #unsettled = 0
  #committed: Commit | undefined
  #isLost = false

  constructor({ topic, partition, owner, wanted, givenBefore }: PartitionOptions) {
    this.topic = topic
    this.partition = partition
    this.#owner = owner
    this.#wanted = wanted
    this.#givenBefore = givenBefore
  }

  get isLost(): boolean {
    return this.#isLost
  }

  /** Records that were fetched and not yet given to core. */
  get backlog(): number {
    return this.#waiting.length - this.#nextWaiting
  }

  get unsettled(): number {
    return this.#unsettled
  }

  /** Records that core has not seen, here and at the broker. */
  get lag(): number {
    return this.backlog + (this.#position === undefined ? 0 : Math.max(0, this.#highWatermark - this.#position))
  }

  /** Behind the last record that was ever given to core, by whomever. */
  get given(): number {
    return Math.max(this.#given, this.#givenBefore)
  }

  /** What to commit, if there is something new to say. */
  get committable(): Commit | undefined {
    const offset = this.#open.first ?? this.#position
    if (offset === undefined) return undefined
    const isKnown = offset === this.#committed?.offset && this.given === this.#committed.given

    return isKnown ? undefined : { offset, given: this.given }
  }

  committed(commit: Commit): void {
    this.#committed = commit
  }

  /** Takes what is new: after a rebalance the broker sends again what is here already. */
  append({ records, lastOffset, highWatermark }: Fetched): void {
    for (const record of records) {
      if (this.#position !== undefined && Number(record.offset) < this.#position) continue
      if (!this.#wanted(record)) continue
      const delivery = new KafkaDelivery(record, this.topic, this.partition, this, Number(record.offset) < this.#givenBefore)
      this.#open.add(delivery.offset)
      this.#waiting.push(delivery)
    }
    this.#position = Math.max(this.#position ?? 0, Number(lastOffset) + 1)
    this.#highWatermark = Number(highWatermark)
  }

  /** Moves up to `count` waiting deliveries into `into`. */
  take(count: number, into: KafkaDelivery[]): void {
    const end = Math.min(this.#waiting.length, this.#nextWaiting + count)
    if (end === this.#nextWaiting) return
    for (let i = this.#nextWaiting; i < end; i++) into.push(this.#waiting[i] as KafkaDelivery)
    this.#given = Math.max(this.#given, (into.at(-1)?.offset ?? -1) + 1)
    this.#unsettled += end - this.#nextWaiting
    this.#nextWaiting = end
    if (this.#nextWaiting !== this.#waiting.length && this.#nextWaiting < 4_096) return
    this.#waiting = this.#waiting.slice(this.#nextWaiting)
    this.#nextWaiting = 0
  }

  settled(delivery: KafkaDelivery, settlement: Settlement): void {
    if (this.#isLost) return this.#owner.late()
    this.#unsettled--
    if (settlement === 'return') return this.#owner.returned(this, delivery)
    this.#open.close(delivery.offset)
    this.#owner.finished()
  }

  /** A log takes nothing back: what was returned is given again from here, before the others. */
  giveAgain(delivery: KafkaDelivery): void {
    if (this.#isLost) return
    this.#waiting.splice(this.#nextWaiting, 0, delivery.again())
  }

  /** Somebody else has it now, or nobody. Resolves to nothing what is still said about it. */
  lose(): void {
    this.#isLost = true
    this.#waiting = []
    this.#nextWaiting = 0
    this.#unsettled = 0
  }
}

/** Offsets that are not done, in order: the first one of them is where a successor has to begin. */
class OpenOffsets {
  #offsets: number[] = []
  #head = 0
  readonly #done = new Set<number>()

  get first(): number | undefined {
    return this.#offsets[this.#head]
  }

  add(offset: number): void {
    this.#offsets.push(offset)
  }

  close(offset: number): void {
    if (offset !== this.first) {
      this.#done.add(offset)

      return
    }
    this.#head++
    while (this.#done.size > 0 && this.#done.delete(this.first ?? -1)) this.#head++
    if (this.#head < 4_096 && this.#head < this.#offsets.length) return
    this.#offsets = this.#offsets.slice(this.#head)
    this.#head = 0
  }
}
