import { countOf } from '@waybill/core'
import { Backlog, isExpired } from './backlog.js'
import type { Clock } from './clock.js'
import type { Journal } from '../journal/journal.js'
import { textOfHeaders } from '../journal/header-text.js'
import type { EntryRecord } from '../journal/record.js'
import { deadMessage, type Death } from './death.js'
import type { Ledger } from './ledger.js'
import { Entry, type Home, type Message, unplaced } from './message.js'
import { type QueueArguments, type QueueRules, resolveRules } from './rules.js'
import type { Task } from './turn.js'

/** One that takes messages from a queue, while it has room. */
export interface Taker {
  readonly hasRoom: boolean
  give(entry: Entry): void
}

/** What a queue needs of its broker. */
export interface QueueHost {
  readonly clock: Clock
  readonly ledger: Ledger
  readonly deadLetters: Queue | undefined
  /** It outlives its connection, and the process where there is a journal. */
  readonly isDurable: boolean
  journal(): Journal | undefined
}

/** Keeps messages in order and hands them round its consumers. A message is forgotten when it was acknowledged, and not before. */
export class Queue implements Home, Task {
  readonly rules: QueueRules
  readonly #host: QueueHost
  readonly #backlog: Backlog
  readonly #takers: Taker[] = []
  #turn = 0
  #sequence = 0
  /** New, and not written yet. */
  #admitted = 0
  #delayed = 0
  #unsettled = 0
  /** Of the bodies that wait or are delayed. */
  #bodyBytes = 0
  #expiryArmedFor = Number.POSITIVE_INFINITY

  constructor(
    readonly name: string,
    readonly args: QueueArguments,
    host: QueueHost,
  ) {
    this.rules = resolveRules(args)
    this.#host = host
    this.#backlog = new Backlog(this.rules.maxPriority)
  }

  get isDurable(): boolean {
    return this.#host.isDurable
  }

  get waiting(): number {
    return this.#backlog.size
  }

  get delayed(): number {
    return this.#delayed
  }

  get unsettled(): number {
    return this.#unsettled
  }

  get consumers(): number {
    return this.#takers.length
  }

  /** Why it does not take this message, or undefined where it does. */
  refusal(message: Message): string | undefined {
    const { maxLength, maxBytes, overflow } = this.rules
    const bytes = message.body.byteLength
    if (bytes > maxBytes) return `queue "${this.name}" holds at most ${maxBytes} bytes and this body has ${bytes}`
    if (overflow === 'drop-head') return undefined
    if (this.#length >= maxLength) return `queue "${this.name}" is full: it holds ${countOf(maxLength, 'message')}, the most it may`
    if (this.#bodyBytes + bytes > maxBytes) return `queue "${this.name}" is full: it holds ${this.#bodyBytes} of at most ${maxBytes} bytes`

    return undefined
  }

  /** Takes a message that was not refused. Nobody sees it before it has its place. */
  admit(message: Message, bytes: number): Entry {
    const now = this.#host.clock.now()
    const delayMs = message.delayMs ?? 0
    this.#admitted++
    this.#take(message, bytes)

    return new Entry(this, message, bytes, now, this.#expiryOf(message, now + delayMs), delayMs > 0 ? now + delayMs : undefined)
  }

  place(entry: Entry): void {
    this.#admitted--
    if (entry.dueAt !== undefined) return this.#delay(entry, entry.dueAt)
    this.#enter(entry)
    this.#dropHeads()
  }

  turnAway(entry: Entry): void {
    this.#admitted--
    this.#host.ledger.remove(entry.bytes)
    this.#leaveBacklog(entry)
  }

  nextSequence(): number {
    return this.#sequence++
  }

  /** Takes what a journal kept, in the order of the places. */
  restore({ message, storedAt, expiresAt, dueAt, sequence, deliveries }: EntryRecord, bytes: number): Entry {
    const entry = new Entry(this, message, bytes, storedAt, expiresAt, dueAt)
    entry.deliveries = deliveries
    entry.sequence = sequence
    this.#sequence = Math.max(this.#sequence, sequence + 1)
    this.#take(message, bytes)
    if (sequence === unplaced && dueAt !== undefined) this.#delay(entry, dueAt)
    else this.#enter(entry)

    return entry
  }

  /** After a restore: what was delivered as often as it may be was in hand when the process ended. */
  buryExhausted(): void {
    for (const entry of this.#backlog.remove(({ deliveries }) => deliveries > this.rules.deliveryLimit)) {
      this.#leaveBacklog(entry)
      this.#bury(entry, 'delivery_limit')
    }
  }

  attach(taker: Taker): void {
    this.#takers.push(taker)
    this.wake()
  }

  detach(taker: Taker): void {
    const at = this.#takers.indexOf(taker)
    if (at < 0) return
    this.#takers.splice(at, 1)
    this.wake()
  }

  /** Somebody has room again, or something came. */
  wake(): void {
    if (this.#backlog.size > 0) this.#host.clock.turn.atEnd(this)
  }

  /** Hands out what waits to those that have room, one message each in turn. */
  run(): void {
    while (this.#backlog.size > 0) {
      const taker = this.#nextTaker()
      const entry = taker && this.#shiftAlive()
      if (entry === undefined) break
      this.#leaveBacklog(entry)
      this.#unsettled++
      entry.deliveries++
      this.#host.journal()?.counted(entry)
      taker?.give(entry)
    }
    this.#watchExpiry()
  }

  forget(entry: Entry): void {
    this.#unsettled--
    this.#host.ledger.remove(entry.bytes)
    this.#host.journal()?.done(entry)
  }

  uncount(entry: Entry): void {
    entry.deliveries--
    this.#host.journal()?.counted(entry)
  }

  takeBack(entries: readonly Entry[]): void {
    this.#unsettled -= entries.length
    const alive: Entry[] = []
    for (const entry of entries) {
      if (entry.deliveries > this.rules.deliveryLimit) this.#bury(entry, 'delivery_limit')
      else alive.push(entry)
    }
    for (const entry of alive) this.#bodyBytes += entry.message.body.byteLength
    this.#backlog.giveBack(alive)
    this.#watchExpiry()
    this.wake()
  }

  /** The oldest of what waits, left where they are. */
  *peek(limit: number): Generator<Entry> {
    let left = limit
    for (const entry of this.#backlog) {
      if (left-- <= 0) return
      yield entry
    }
  }

  /** Takes the oldest out, to be settled like deliveries; it does not count as one. */
  hold(limit: number): Entry[] {
    const held: Entry[] = []
    while (held.length < limit) {
      const entry = this.#shiftAlive()
      if (entry === undefined) break
      this.#leaveBacklog(entry)
      this.#unsettled++
      held.push(entry)
    }

    return held
  }

  /** Forgets everything that waits: its owner is gone. */
  purge(): void {
    for (let entry = this.#backlog.shift(); entry !== undefined; entry = this.#backlog.shift()) this.#host.ledger.remove(entry.bytes)
    this.#bodyBytes = 0
  }

  get #length(): number {
    return this.#backlog.size + this.#delayed + this.#admitted
  }

  #take(message: Message, bytes: number): void {
    this.#host.ledger.add(bytes)
    this.#bodyBytes += message.body.byteLength
  }

  #expiryOf(message: Message, from: number): number | undefined {
    const ms = Math.min(message.expiresMs ?? Number.POSITIVE_INFINITY, this.rules.ttlMs ?? Number.POSITIVE_INFINITY)

    return ms === Number.POSITIVE_INFINITY ? undefined : from + ms
  }

  #delay(entry: Entry, due: number): void {
    this.#delayed++
    this.#host.clock.timetable.at(due, () => {
      this.#delayed--
      this.#enter(entry)
      this.#host.journal()?.entered(entry)
    })
  }

  #enter(entry: Entry): void {
    if (entry.sequence === unplaced) entry.sequence = this.#sequence++
    this.#backlog.push(entry)
    if (entry.expiresAt !== undefined) this.#watchExpiry()
    this.wake()
  }

  #dropHeads(): void {
    while (this.#length > this.rules.maxLength || this.#bodyBytes > this.rules.maxBytes) {
      const entry = this.#backlog.shiftLeast()
      if (entry === undefined) return
      this.#leaveBacklog(entry)
      this.#bury(entry, 'maxlen')
    }
  }

  #nextTaker(): Taker | undefined {
    if (this.rules.singleActive) return this.#takers[0]?.hasRoom === true ? this.#takers[0] : undefined
    const count = this.#takers.length
    for (let i = 0; i < count; i++) {
      const taker = this.#takers[(this.#turn + i) % count]
      if (taker?.hasRoom !== true) continue
      this.#turn = (this.#turn + i + 1) % count
      return taker
    }

    return undefined
  }

  #shiftAlive(): Entry | undefined {
    for (let entry = this.#backlog.shift(); entry !== undefined; entry = this.#backlog.shift()) {
      if (entry.expiresAt === undefined || !isExpired(entry, this.#host.clock.now())) return entry
      this.#leaveBacklog(entry)
      this.#bury(entry, 'expired')
    }

    return undefined
  }

  #leaveBacklog(entry: Entry): void {
    this.#bodyBytes -= entry.message.body.byteLength
  }

  /** Moves what this queue gave up to its dead letters, which never refuse. Without dead letters it is gone. */
  #bury(entry: Entry, death: Death): void {
    const { ledger, deadLetters, clock } = this.#host
    const journal = this.#host.journal()
    ledger.remove(entry.bytes)
    if (deadLetters === undefined) return journal?.done(entry)
    const letter = deadLetters.admit(deadMessage(entry, death, deadLetters.name, clock.now()), entry.bytes)
    deadLetters.place(letter)
    journal?.moved(entry, letter, textOfHeaders(letter.message.headers) ?? '{}')
  }

  /** As on RabbitMQ, a message expires when it is at the head: one behind a longer-lived one waits for it. */
  #watchExpiry(): void {
    const { clock } = this.#host
    const next = this.#backlog.nextExpiry()
    if (next >= this.#expiryArmedFor) return
    this.#expiryArmedFor = next
    clock.timetable.at(next, () => {
      this.#expiryArmedFor = Number.POSITIVE_INFINITY
      for (const entry of this.#backlog.expired(clock.now())) {
        this.#leaveBacklog(entry)
        this.#bury(entry, 'expired')
      }
      this.#watchExpiry()
    })
  }
}
