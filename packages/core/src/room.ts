import { Deadlines, type Expiring } from './deadlines.js'
import { Deque } from './deque.js'
import type { Runtime } from './runtime.js'

/** How much may be published and not settled before `publish` waits. */
export interface Backlog {
  /** Default: 10,000. */
  readonly messages: number
  /** Of bodies. Default: 64 MiB. */
  readonly bytes: number
}

export const defaultBacklog: Backlog = Object.freeze({ messages: 10_000, bytes: 67_108_864 })

/** A caller that waits for room. */
interface Waiter extends Expiring<Waiter> {
  readonly since: number
  readonly go: (leftMs: number) => void
  readonly giveUp: () => void
  isOver: boolean
}

/** The room for what is published and not settled. Who finds none waits in line, no longer than a publish may take. */
export class Room {
  readonly #backlog: Backlog
  readonly #runtime: Runtime
  readonly #deadlineMs: number
  readonly #line = new Deque<Waiter>()
  readonly #deadlines: Deadlines<Waiter>
  #messages = 0
  #bytes = 0

  constructor(backlog: Backlog, runtime: Runtime, deadlineMs: number) {
    this.#backlog = backlog
    this.#runtime = runtime
    this.#deadlineMs = deadlineMs
    this.#deadlines = new Deadlines(runtime, deadlineMs, (waiter) => this.#expired(waiter))
  }

  get bytes(): number {
    return this.#bytes
  }

  /** Callers that wait. */
  get waiting(): number {
    return this.#deadlines.size
  }

  /** Whether the next caller waits: there is no room, or there are others before it. */
  get isFull(): boolean {
    return this.waiting > 0 || !this.#hasRoom
  }

  taken(bytes: number): void {
    this.#messages++
    this.#bytes += bytes
  }

  given(bytes: number): void {
    this.#messages--
    this.#bytes -= bytes
    if (this.#line.length > 0) this.#callNext()
  }

  /** `go` is called with the time that is left when there is room, or `giveUp` when there was none in time. The function that is returned leaves the line. */
  wait(go: (leftMs: number) => void, giveUp: () => void): () => void {
    const waiter: Waiter = { since: this.#runtime.elapsed(), go, giveUp, isOver: false, due: undefined }
    this.#line.push(waiter)
    this.#deadlines.add(waiter)

    return () => {
      waiter.isOver = true
      this.#deadlines.remove(waiter)
    }
  }

  /** Nobody gets room any more. */
  close(): void {
    this.#line.clear()
    for (const waiter of this.#deadlines.drain()) this.#expired(waiter)
  }

  get #hasRoom(): boolean {
    return this.#messages < this.#backlog.messages && this.#bytes < this.#backlog.bytes
  }

  #callNext(): void {
    while (this.#hasRoom) {
      const waiter = this.#line.shift()
      if (!waiter) return
      if (waiter.isOver) continue
      waiter.isOver = true
      this.#deadlines.remove(waiter)
      waiter.go(Math.max(0, this.#deadlineMs - (this.#runtime.elapsed() - waiter.since)))
    }
  }

  #expired(waiter: Waiter): void {
    if (waiter.isOver) return
    waiter.isOver = true
    while (this.#line.peek()?.isOver) this.#line.shift()
    waiter.giveUp()
  }
}
