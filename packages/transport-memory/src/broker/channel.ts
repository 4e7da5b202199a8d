import type { Entry, Home } from './message.js'
import type { Queue, Taker } from './queue.js'
import type { Task, Turn } from './turn.js'
import { Unsettled } from './unsettled.js'

export interface ChannelOptions {
  /** At most so many unsettled. */
  readonly window: number
  /** Done as soon as it is given; nothing is ever unsettled. */
  readonly noAck: boolean
  /** Given what came, once per turn. */
  readonly deliver: (entries: readonly Entry[]) => void
  readonly onClose?: () => void
}

/** A consumer of some queues, within one window. What it holds unsettled returns when it closes. */
export class Channel implements Taker, Task {
  readonly #turn: Turn
  readonly #options: ChannelOptions
  readonly #queues: Queue[] = []
  readonly #unsettled = new Unsettled()
  #given: Entry[] = []
  #nextQueue = 0
  #window: number
  #isPaused = false
  #isClosed = false

  constructor(turn: Turn, options: ChannelOptions) {
    this.#turn = turn
    this.#options = options
    this.#window = options.window
  }

  get isClosed(): boolean {
    return this.#isClosed
  }

  get unsettled(): number {
    return this.#unsettled.size
  }

  get waiting(): number {
    return this.#queues.reduce((sum, queue) => sum + queue.waiting, 0)
  }

  get hasRoom(): boolean {
    return !this.#isPaused && this.#unsettled.size < this.#window
  }

  consume(queue: Queue): void {
    this.#queues.push(queue)
    queue.attach(this)
  }

  give(entry: Entry): void {
    if (this.#options.noAck) entry.home.forget(entry)
    else this.#unsettled.add(entry)
    if (this.#given.push(entry) === 1) this.#turn.deliver(this)
  }

  /** Takes the oldest of a queue out, without waiting and without a window. */
  hold(queue: Queue, limit: number): readonly Entry[] {
    const held = queue.hold(limit)
    for (const entry of held) this.#unsettled.add(entry)

    return held
  }

  /** Hands over what this turn brought, in one call. */
  run(): void {
    if (this.#given.length === 0) return
    const given = this.#given
    this.#given = []
    this.#options.deliver(given)
  }

  ack(entry: Entry): void {
    const hadRoom = this.hasRoom
    if (!this.#unsettled.delete(entry)) return
    entry.home.forget(entry)
    if (!hadRoom) this.#wakeQueues()
  }

  giveBack(entry: Entry): void {
    const hadRoom = this.hasRoom
    if (!this.#unsettled.delete(entry)) return
    entry.home.takeBack([entry])
    if (!hadRoom) this.#wakeQueues()
  }

  /** What is unsettled stays so, also where it is more than that. */
  resize(window: number): void {
    this.#window = window
    this.#wakeQueues()
  }

  pause(): void {
    this.#isPaused = true
  }

  resume(): void {
    this.#isPaused = false
    this.#wakeQueues()
  }

  close(): void {
    if (this.#isClosed) return
    this.#isClosed = true
    for (const queue of this.#queues) queue.detach(this)
    // What was taken in this turn and never seen by anybody was not delivered.
    for (const entry of this.#given) entry.home.uncount(entry)
    this.#given = []
    for (const [home, entries] of byHome(this.#unsettled.drain())) home.takeBack(entries)
    this.#options.onClose?.()
  }

  /** Another queue each time, so that a busy one does not starve its neighbours. */
  #wakeQueues(): void {
    if (!this.hasRoom) return
    const count = this.#queues.length
    for (let i = 0; i < count; i++) this.#queues[(this.#nextQueue + i) % count]?.wake()
    this.#nextQueue = (this.#nextQueue + 1) % Math.max(1, count)
  }
}

function byHome(entries: Iterable<Entry>): Map<Home, Entry[]> {
  const found = new Map<Home, Entry[]>()
  for (const entry of entries) {
    const same = found.get(entry.home)
    if (same) same.push(entry)
    else found.set(entry.home, [entry])
  }

  return found
}
