import { Deque } from './deque.js'
import type { Job } from './job.js'
import type { Runtime } from './runtime.js'
import type { GroupAddress, Starts } from './transport.js'

/** So many starts alone that never ended, and a message is held to kill the process. */
const mostStarts = 3
/** One delivery without an end is what every restart leaves behind. */
const suspectedFrom = 2
/** The ack of the one before has left when the next may kill the process. */
const pauseMs = 10

export interface SuspectsOptions {
  readonly of: GroupAddress
  readonly runtime: Runtime
  /** Undefined: starts cannot be counted here, so nobody is suspected. */
  readonly starts: Starts | undefined
}

export interface SuspectsEnd {
  /** Its turn has come. */
  cleared(job: Job): void
  /** It was started too often and never ended. */
  convicted(job: Job): void
}

/**
 * Messages that came again and again and were never settled: one of them may kill the process. They run one at a time, in the order in which they
 * come, and each start is counted where it outlives the process: only what was begun and never ended is convicted.
 */
export class Suspects {
  readonly #options: SuspectsOptions
  readonly #end: SuspectsEnd
  readonly #waiting = new Deque<Job>()
  #current: Job | undefined
  #isCounted = false
  #told: Promise<unknown> = Promise.resolve()
  #isStopped = false

  constructor(options: SuspectsOptions, end: SuspectsEnd) {
    this.#options = options
    this.#end = end
  }

  /** How many wait for those before them. */
  get waiting(): number {
    return this.#waiting.length
  }

  suspects({ raw: { deliveryCount } }: Job): boolean {
    return this.#options.starts !== undefined && deliveryCount !== undefined && deliveryCount >= suspectedFrom
  }

  offer(job: Job): void {
    this.#waiting.push(job)
    this.#next()
  }

  /** Counts that it is about to start. False: it does not, and is convicted. */
  async begins(job: Job): Promise<boolean> {
    const { of, starts } = this.#options
    this.#isCounted = true
    job.starts = (await starts?.begin(of, job.raw)) ?? 0
    if (job.starts < mostStarts || job.raw.isStale || this.#isStopped) return true
    this.#end.convicted(job)

    return false
  }

  /** The process lives. `left`: so many starts before this one stay counted. */
  finished(job: Job, left: number): void {
    if (this.#current !== job) return
    const told = this.#ended(job, left)
    this.#told = job.raw.isStale || this.#isStopped ? told : Promise.all([told, this.#pause()])
    void this.#told.then(() => this.#freed())
  }

  stop(): void {
    this.#isStopped = true
    this.#waiting.clear()
  }

  /** What did not end returns to the broker unharmed. Resolves when that is told. */
  async close(): Promise<void> {
    if (this.#current) await this.#ended(this.#current, this.#current.starts)
    await this.#told
  }

  #ended({ raw }: Job, left: number): Promise<void> {
    const { of, starts } = this.#options
    if (!this.#isCounted || !starts) return Promise.resolve()
    this.#isCounted = false

    return starts.ended(of, raw, left)
  }

  #pause(): Promise<void> {
    return new Promise((resolve) => void this.#options.runtime.after(pauseMs, resolve))
  }

  #freed(): void {
    this.#current = undefined
    this.#next()
  }

  #next(): void {
    if (this.#current || this.#isStopped) return
    this.#current = this.#waiting.shift()
    if (this.#current) this.#end.cleared(this.#current)
  }
}
