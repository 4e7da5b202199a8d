import type { Settlement } from '@waybill/core'
import type { Place, Settler } from './delivery.js'
import { KafkaDelivery, placeOf } from './delivery.js'
import type { LogBatch } from './log-batch.js'
import type { LogRecord } from './log-record.js'
import type { WaitingLine } from './waiting-line.js'
import { DueLine, LogLine } from './waiting-line.js'

/** Of those that may be given at once: the next fetch, of up to a MiB, is under way while these are handled. */
const mostBytes = 256 * 1024
const mostDelayed = 1_000
const mostDelayedBytes = 8 * 1024 * 1024

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
  readonly wanted: (record: LogRecord) => boolean
  /** Records below this offset have been delivered before. */
  readonly givenBefore: number
}

/** Everything below `offset` is done; records below `given` may have been delivered, so they come again as redelivered. */
export interface Commit {
  readonly offset: number
  readonly given: number
}

/** Nothing of a partition is fetched until that moment of the running clock, for nothing can be read there. */
export interface Hold {
  readonly offset: number
  readonly reason: string
  readonly until: number
}

/** What a fetch brought. */
export interface Fetched {
  readonly batches: readonly LogBatch[]
  /** The last one that the fetch passed, also where it was no message. */
  readonly lastOffset: string
  readonly highWatermark: string
  readonly now: number
}

/**
 * One partition for as long as this process has it. Knows which records wait here, which run, and up to where everything
 * is done: only that prefix may be committed. When the partition is lost, whatever still runs has nothing to say any more.
 */
export class AssignedPartition implements Settler {
  readonly topic: string
  readonly partition: number
  readonly #owner: PartitionOwner
  readonly #wanted: (record: LogRecord) => boolean
  readonly #givenBefore: number
  readonly #place: Place
  readonly #waiting: WaitingLine
  readonly #open = new OpenOffsets()
  #position: number | undefined
  #given = 0
  #start: number | undefined
  #end = 0
  #progressAt: number | undefined
  #unsettled = 0
  #committed: Commit | undefined
  #isLost = false
  #held: Hold | undefined

  constructor({ topic, partition, owner, wanted, givenBefore }: PartitionOptions) {
    this.topic = topic
    this.partition = partition
    this.#owner = owner
    this.#wanted = wanted
    this.#givenBefore = givenBefore
    this.#place = placeOf(topic, partition)
    this.#waiting = this.#place.isDelay ? new DueLine((record) => this.#opened(record)) : new LogLine((record) => this.#opened(record))
  }

  get isLost(): boolean {
    return this.#isLost
  }

  /** Records that were fetched and not yet given to core. */
  get backlog(): number {
    return this.#waiting.length
  }

  /** When the next of them may be given, ms since the epoch; 0: now. */
  get nextDue(): number | undefined {
    return this.#waiting.nextDue
  }

  /** So much is here that no more is to be fetched; of those that wait for their time what memory is spared for them. */
  isFull(window: number): boolean {
    if (!this.#place.isDelay) return this.#waiting.bytes > mostBytes

    return this.backlog > Math.max(window, mostDelayed) || this.#waiting.bytes > mostDelayedBytes
  }

  /** Why nothing of it is read. */
  get reason(): string | undefined {
    return this.#held?.reason
  }

  isHeld(elapsed: number): boolean {
    return this.#held !== undefined && elapsed < this.#held.until
  }

  /** Whether that is news. It ends with what is read behind. */
  hold(hold: Hold): boolean {
    const isNews = this.#held?.offset !== hold.offset
    this.#held = hold

    return isNews
  }

  get unsettled(): number {
    return this.#unsettled
  }

  /** Behind the last record that was fetched; before the first one, where fetching begins. */
  get position(): number {
    return this.#position ?? this.#start ?? 0
  }

  /** Records at the broker that were not fetched yet, as far as is known. */
  get unfetched(): number {
    return this.#position === undefined && this.#start === undefined ? 0 : Math.max(0, this.#end - this.position)
  }

  /** When something was last fetched or settled, ms since the epoch. */
  get progressAt(): number | undefined {
    return this.#progressAt
  }

  /** Records that core has not seen, here and at the broker. */
  get lag(): number {
    return this.backlog + this.unfetched
  }

  /** Behind the last record that was ever given to core, by whomever. */
  get given(): number {
    return Math.max(this.#given, this.#givenBefore)
  }

  /** What to commit, if there is something new to say. */
  get committable(): Commit | undefined {
    const offset = this.#open.first ?? this.#waiting.unopened ?? this.#position
    if (offset === undefined) return undefined
    const isKnown = offset === this.#committed?.offset && this.given === this.#committed.given

    return isKnown ? undefined : { offset, given: this.given }
  }

  committed(commit: Commit): void {
    this.#committed = commit
  }

  /** Takes what is new: after a rebalance the broker sends again what is here already. */
  append({ batches, lastOffset, highWatermark, now }: Fetched): void {
    for (const batch of batches) {
      if (this.#position !== undefined && batch.lastOffset < this.#position) continue
      batch.skipTo(this.#position ?? 0)
      this.#waiting.add(batch)
    }
    this.pass(lastOffset)
    this.#end = Math.max(this.#end, Number(highWatermark))
    this.#progressAt = now
  }

  /** Everything up to this offset was passed. */
  pass(lastOffset: string): void {
    this.#position = Math.max(this.#position ?? 0, Number(lastOffset) + 1)
    if (this.#held && this.#held.offset < this.#position) this.#held = undefined
  }

  /** Where the group stands. */
  startsAt(offset: number | undefined): void {
    this.#start = offset
  }

  /** Where the broker says that it ends. */
  ends(offset: number): void {
    this.#end = Math.max(this.#end, offset)
  }

  /** Moves up to `count` deliveries whose time has come into `into`. */
  take(count: number, now: number, into: KafkaDelivery[]): void {
    for (let i = 0; i < count; i++) {
      const delivery = this.#waiting.shift(now)
      if (!delivery) return
      into.push(delivery)
      this.#given = Math.max(this.#given, delivery.offset + 1)
      this.#unsettled++
    }
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
    this.#waiting.unshift(delivery.again())
  }

  #opened(record: LogRecord): KafkaDelivery | undefined {
    if (!this.#wanted(record)) return undefined
    this.#open.add(record.offset)

    return new KafkaDelivery(record, this.#place, this, record.offset < this.#givenBefore)
  }

  /** Somebody else has it now, or nobody. Resolves to nothing what is still said about it. */
  lose(): void {
    this.#isLost = true
    this.#waiting.clear()
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
