import type { Consumer, ConsumerHealth, ConsumerRestart, Deliver } from '@waybill/core'
import { sentenceOf } from './broker-error.js'
import { Commits, givenOf } from './commits.js'
import type { KafkaDelivery } from './delivery.js'
import type { Assignment, FetchedBatches, TopicPartition } from './driver.js'
import { FetchWatch } from './fetch-watch.js'
import type { LogRecord } from './log-record.js'
import type { MembershipEvents, MembershipOptions } from './membership.js'
import { Membership } from './membership.js'
import type { PartitionOwner } from './offsets.js'
import { AssignedPartition } from './offsets.js'
import type { Unreadable } from './unreadable.js'
import { reasonOf } from './unreadable.js'

/** So long a fetch waits that has nothing to ask for: the group must hear of its members meanwhile. */
const patienceMs = 200
const returnMs = 100
const longestSleepMs = 60_000

export interface SubscriberOptions extends MembershipOptions {
  readonly window: number
  readonly address: string | undefined
  readonly wanted: (record: LogRecord) => boolean
}

/** Takes records of a group's partitions, gives core at most `window` of them, and commits what is done. */
export class KafkaSubscriber implements Consumer, MembershipEvents, PartitionOwner {
  readonly address: string | undefined
  readonly #to: SubscriberOptions
  readonly #deliver: Deliver
  readonly #membership: Membership
  readonly #partitions = new Map<string, AssignedPartition>()
  /** Up to where records of each partition were given, also by those who had it before. */
  readonly #given = new Map<string, number>()
  #assigned: ReadonlySet<string> = new Set()
  #notes: Promise<void> = Promise.resolve()
  readonly #commits: Commits
  readonly #watch: FetchWatch
  #cancelWake: () => void = () => {}
  #onRoom: () => void = () => {}
  #window: number
  #isPaused = false
  #isRebalancing = false
  #isStopped = false
  #isPumpDue = false
  #lateSettles = 0
  #restarted: ConsumerRestart | undefined
  #firstTurn = 0

  constructor(to: SubscriberOptions, deliver: Deliver) {
    this.address = to.address
    this.#to = to
    this.#window = to.window
    this.#deliver = deliver
    this.#membership = new Membership(to, this)
    this.#commits = new Commits(to, () => this.#partitions.values())
    this.#watch = new FetchWatch(to, {
      partitions: () => (this.#isPaused || this.#isRebalancing || this.#membership.reason !== undefined ? [] : [...this.#partitions.values()]),
      isHeld: (partition) => partition.reason !== undefined || partition.isFull(this.#window),
      stalled: (reason) => this.#restart(reason),
    })
  }

  async start(): Promise<void> {
    await this.#membership.join()
    if (this.#isStopped) return
    this.#commits.begin()
    this.#watch.begin()
  }

  resize(window: number): void {
    this.#window = window
    this.#pumpSoon()
  }

  pause(): void {
    this.#isPaused = true
  }

  resume(): void {
    this.#isPaused = false
    this.#pumpSoon()
  }

  /** The cluster is back. */
  hurry(): void {
    this.#membership.hurry()
  }

  async stop(): Promise<void> {
    if (this.#isStopped) return
    this.#isStopped = true
    this.#cancelWake()
    this.#watch.stop()
    this.#onRoom()
    await this.#commits.stop()
    this.#loseAll()
    await this.#membership.stop()
  }

  health(): ConsumerHealth {
    const partitions = [...this.#partitions.values()]

    return {
      attached: this.#membership.reason === undefined,
      paused: this.#isPaused,
      unsettled: this.#unsettled(),
      lateSettles: this.#lateSettles,
      reason: this.#membership.reason,
      waiting: partitions.reduce((sum, { lag }) => sum + lag, 0),
      restarted: this.#restarted,
      partitions: partitions.map(({ topic, partition, lag, unsettled, progressAt, reason }) => ({ address: topic, partition, waiting: lag, unsettled, progressAt, reason })),
    }
  }

  #restart(reason: string): void {
    this.#restarted = { times: (this.#restarted?.times ?? 0) + 1, at: new Date(this.#to.host.runtime.now()).toISOString(), reason }
    this.#membership.restart(reason)
  }

  // ── what the group says

  assigned(assignment: Assignment, isContinued: boolean): void {
    this.#isRebalancing = false
    this.#commits.resume()
    const kept = new Set(Object.entries(assignment).flatMap(([topic, partitions]) => partitions.map((partition) => nameOf(topic, partition))))
    for (const [name, partition] of this.#partitions) {
      if (!isContinued || !kept.has(name)) this.#lose(name, partition)
    }
    this.#assigned = kept
    this.#notes = this.#readNotes(assignment)
    this.#pumpSoon()
  }

  rebalancing(): void {
    // The request for this commit leaves before the one that joins again, so it still counts.
    this.#commits.pause()
    this.#isRebalancing = true
    this.#onRoom()
  }

  lost(): void {
    this.#isRebalancing = false
    this.#commits.lost()
    this.#loseAll()
  }

  async fetched(found: FetchedBatches): Promise<void> {
    await this.#notes
    if (this.#isStopped || this.#isRebalancing) return
    const partition = this.#partitionOf(found.topic, found.partition)
    if (!partition) return
    this.#commits.use(found.commit)
    partition.append({ batches: found.batches, lastOffset: found.lastOffset, highWatermark: found.highWatermark, now: this.#to.host.runtime.now() })
    found.taken()
    this.#pumpSoon()
  }

  isHeld(topic: string, partition: number): boolean {
    return this.#partitions.get(nameOf(topic, partition))?.isHeld(this.#to.host.runtime.elapsed()) === true
  }

  hasRoom(topic: string, partition: number): boolean {
    return this.#partitions.get(nameOf(topic, partition))?.isFull(this.#window) !== true
  }

  async room(): Promise<void> {
    let stop: () => void = () => {}
    await new Promise<void>((resolve) => {
      this.#onRoom = resolve
      stop = this.#to.host.runtime.after(patienceMs, resolve)
    })
    stop()
  }

  /** A fetch brought nothing but what no listener sees: marks of transactions. */
  passed(topic: string, partition: number, lastOffset: string): void {
    this.#partitions.get(nameOf(topic, partition))?.pass(lastOffset)
  }

  outOfRange({ topic, partition }: TopicPartition): void {
    const name = nameOf(topic, partition)
    this.#notes = this.#notes.then(() => this.#checkEnd(name))
  }

  unreadable({ topic, partition }: TopicPartition, found: Unreadable): void {
    this.#notes = this.#notes.then(() => this.#hold(this.#partitionOf(topic, partition), found))
  }

  /** The others go on. Once in a while it is looked at again. */
  #hold(partition: AssignedPartition | undefined, found: Unreadable): void {
    const { host, options, groupId } = this.#to
    const reason = reasonOf(found)
    if (!partition?.hold({ offset: found.offset, reason, until: host.runtime.elapsed() + options.stallTimeoutMs })) return
    const at = { group: groupId, topic: partition.topic, partition: partition.partition, offset: found.offset }
    host.log.error(`kafka: nothing more is read of partition ${partition.partition} of "${partition.topic}": ${reason}`, at)
  }

  /** A log that ends before what was read of it is another one, made anew under the same name, or has lost its end: what it has now was never here. Never rejects. */
  async #checkEnd(name: string): Promise<void> {
    const partition = this.#partitions.get(name)
    if (!partition) return
    try {
      const ends = await this.#to.reader.ends([partition])
      if (this.#partitions.get(name) !== partition || (ends.get(partition) ?? 0) >= partition.position) return
      this.#to.host.log.warn('kafka: a partition ends before what was read of it, and is read anew', {
        group: this.#to.groupId,
        topic: partition.topic,
        partition: partition.partition,
      })
      this.#lose(name, partition)
      this.#given.delete(name)
    } catch (error) {
      this.#membership.restart(`where partition ${partition.partition} of "${partition.topic}" ends could not be read: ${sentenceOf(error)}`)
    }
  }

  // ── what becomes of deliveries

  finished(): void {
    this.#pumpSoon(breathe)
  }

  returned(partition: AssignedPartition, delivery: KafkaDelivery): void {
    this.#to.host.runtime.after(returnMs, () => {
      partition.giveAgain(delivery)
      this.#pumpSoon()
    })
    this.#pumpSoon()
  }

  late(): void {
    this.#lateSettles++
  }

  #pumpSoon(soon = this.#to.host.runtime.soon): void {
    if (this.#isPumpDue || this.#isStopped) return
    this.#isPumpDue = true
    soon(() => {
      this.#isPumpDue = false
      this.#pump()
    })
  }

  /** Every partition gets its share of the window, so that a hot one does not starve the others. */
  #pump(): void {
    if (this.#isPaused || this.#isRebalancing || this.#isStopped) return
    const now = this.#to.host.runtime.now()
    const ready: AssignedPartition[] = []
    let room = this.#window
    let next = Number.POSITIVE_INFINITY
    for (const partition of this.#partitions.values()) {
      const { nextDue } = partition
      room -= partition.unsettled
      if (nextDue === undefined) continue
      if (nextDue <= now) ready.push(partition)
      else next = Math.min(next, nextDue)
    }
    this.#wakeAt(next, now)
    const batch: KafkaDelivery[] = []
    for (let i = 0; i < ready.length && room > 0; i++) {
      const partition = ready[(i + this.#firstTurn) % ready.length] as AssignedPartition
      const before = batch.length
      partition.take(Math.ceil(room / (ready.length - i)), now, batch)
      room -= batch.length - before
    }
    this.#firstTurn++
    if (batch.length > 0) this.#give(batch)
  }

  /** Those that wait for their time are looked at when it has come; the clock may be set meanwhile. */
  #wakeAt(next: number, now: number): void {
    this.#cancelWake()
    this.#cancelWake = Number.isFinite(next) ? this.#to.host.runtime.after(Math.min(next - now, longestSleepMs), () => this.#pump()) : () => {}
  }

  #give(batch: readonly KafkaDelivery[]): void {
    try {
      this.#deliver(batch)
    } catch (error) {
      this.#to.host.log.error('kafka: core did not take a batch', { group: this.#to.groupId, error: sentenceOf(error) })
    }
    this.#onRoom()
  }

  #unsettled(): number {
    let sum = 0
    for (const partition of this.#partitions.values()) sum += partition.unsettled

    return sum
  }

  // ── partitions that come and go

  #partitionOf(topic: string, partition: number): AssignedPartition | undefined {
    const name = nameOf(topic, partition)
    if (!this.#assigned.has(name)) return undefined
    const found = this.#partitions.get(name) ?? new AssignedPartition({ topic, partition, owner: this, wanted: this.#to.wanted, givenBefore: this.#given.get(name) ?? 0 })
    this.#partitions.set(name, found)

    return found
  }

  /** What predecessors committed, and noted beside it. Without it nothing is wrong but a mark that is missing. */
  async #readNotes(assignment: Assignment): Promise<void> {
    const marks = new Map<string, number | undefined>()
    try {
      for (const { topic, partition, offset, note } of await this.#to.reader.marks(this.#to.groupId, assignment)) {
        const name = nameOf(topic, partition)
        marks.set(name, offset)
        this.#given.set(name, Math.max(this.#given.get(name) ?? 0, givenOf(note)))
      }
    } catch (error) {
      this.#to.host.log.debug('kafka: what was delivered before could not be read', { group: this.#to.groupId, error: sentenceOf(error) })
    }
    for (const [topic, partitions] of Object.entries(assignment)) {
      for (const partition of partitions) this.#partitionOf(topic, partition)?.startsAt(marks.get(nameOf(topic, partition)))
    }
  }

  #lose(name: string, partition: AssignedPartition): void {
    this.#given.set(name, partition.given)
    partition.lose()
    this.#partitions.delete(name)
  }

  #loseAll(): void {
    this.#assigned = new Set()
    for (const [name, partition] of this.#partitions) this.#lose(name, partition)
  }
}

/**
 * Listeners that are done at once would otherwise follow each other without an end, for all that a fetch brought: no
 * heartbeat would leave and no answer be read meanwhile.
 */
function breathe(work: () => void): void {
  setImmediate(work)
}

function nameOf(topic: string, partition: number): string {
  return `${topic}/${partition}`
}
