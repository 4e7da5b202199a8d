import { Deadlines, type Due, type Expiring } from './deadlines.js'
import { Deque } from './deque.js'
import { defaultBacklog, Room, type Backlog } from './room.js'
import type { Runtime } from './runtime.js'
import type { Outgoing, PublishOutcome, Transport } from './transport.js'

/**
 * Feeds one transport. What was sent in one turn leaves as one batch, and nothing waits when the transport can write.
 * Every entry is settled once, at the latest by the deadline: as `rejected` if it never left, as `unknown` if it did.
 */
export class Sender {
  readonly #transport: Transport
  readonly #runtime: Runtime
  readonly room: Room
  readonly #waiting = new Deque<Entry>()
  readonly #deadlines: Deadlines<Entry>
  #scheduled = false

  constructor(transport: Transport, runtime: Runtime, deadlineMs: number, backlog: Backlog = defaultBacklog) {
    this.#transport = transport
    this.#runtime = runtime
    this.room = new Room(backlog, runtime, deadlineMs)
    this.#deadlines = new Deadlines(runtime, deadlineMs, (entry) => this.#expired(entry, deadlineMs / 1_000))
    transport.onWritable(() => this.#flush())
  }

  /** How many are not settled. */
  get unsettled(): number {
    return this.#deadlines.size
  }

  send(outgoing: Outgoing, settled: (outcome: PublishOutcome) => void): Entry {
    const entry = new Entry(outgoing, settled, this)
    this.#deadlines.add(entry)
    this.room.taken(outgoing.body.length)
    this.#waiting.push(entry)
    if (!this.#scheduled) {
      this.#scheduled = true
      this.#runtime.soon(() => {
        this.#scheduled = false
        this.#flush()
      })
    }

    return entry
  }

  /** @internal An entry says that it is settled. */
  settled(entry: Entry): void {
    this.#deadlines.remove(entry)
    this.room.given(entry.outgoing.body.length)
  }

  /** Settles what is left: nothing more will be heard of it. */
  close(): void {
    this.room.close()
    this.#waiting.clear()
    for (const entry of this.#deadlines.drain())
      entry.settle(entry.left ? { kind: 'unknown', reason: 'The app stopped before the broker confirmed.' } : { kind: 'rejected', reason: 'The app stopped before it was sent.' })
  }

  #expired(entry: Entry, seconds: number): void {
    entry.settle(
      entry.left
        ? { kind: 'unknown', reason: `The broker did not confirm within ${seconds} s.`, isSilence: true }
        : { kind: 'rejected', reason: `"${this.#transport.name}" took nothing for ${seconds} s; it was never sent.` },
    )
    // All have the same time, so the expired stand in front: a broker that stays away must not fill the memory.
    while (this.#waiting.peek()?.settled) this.#waiting.shift()
  }

  #flush(): void {
    if (!this.#transport.writable || this.#waiting.length === 0) return

    const entries: Entry[] = []
    for (let entry = this.#waiting.shift(); entry; entry = this.#waiting.shift()) {
      if (entry.settled) continue
      entry.left = true
      entries.push(entry)
    }
    if (entries.length === 0) return

    this.#transport.publish(
      entries.map((entry) => entry.outgoing),
      (index, outcome) => entries[index]?.settle(outcome),
    )
  }
}

/** One message on its way. */
export class Entry implements Expiring<Entry> {
  readonly outgoing: Outgoing
  left = false
  settled = false
  due: Due<Entry> | undefined
  readonly #done: (outcome: PublishOutcome) => void
  readonly #sender: Sender

  constructor(outgoing: Outgoing, done: (outcome: PublishOutcome) => void, sender: Sender) {
    this.outgoing = outgoing
    this.#done = done
    this.#sender = sender
  }

  settle(outcome: PublishOutcome): void {
    if (this.settled) return
    this.settled = true
    this.#sender.settled(this)
    this.#done(outcome)
  }
}
