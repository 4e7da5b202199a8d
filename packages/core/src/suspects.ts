import { Deque } from './deque.js'
import type { Job } from './job.js'
import type { Runtime } from './runtime.js'

/** So many starts that never finished, and a message is held to kill the process. */
const mostStarts = 5
/** The ack of the one before has left when the next may kill the process. */
const pauseMs = 10
/** Suspects that come after so long are no company of those before. */
const seriesMs = 60_000
const mostSurvived = 10_000

export interface SuspectsEnd {
  /** It may run now. */
  cleared(job: Job): void
  /** It was started too often and never finished. */
  convicted(job: Job, starts: number): void
}

/**
 * Messages that were delivered before and never settled: one of them may have killed the process. They run one at a time, in the order in which
 * they come, so that only the first of them can be the one that kills it the next time. Only the first is ever judged by its count: the others were
 * counted along with it, as they had been fetched already.
 */
export class Suspects {
  readonly #runtime: Runtime
  readonly #end: SuspectsEnd
  readonly #waiting = new Deque<Job>()
  readonly #survived = new Set<string>()
  #cancel: (() => void) | undefined
  #isBusy = false
  #lastAt = Number.NEGATIVE_INFINITY

  constructor(runtime: Runtime, end: SuspectsEnd) {
    this.#runtime = runtime
    this.#end = end
  }

  /** How many wait for those before them. */
  get waiting(): number {
    return this.#waiting.length
  }

  /** Whether it was begun before, as the broker counts, by a process that may have died of it. */
  suspects({ raw: { deliveryCount }, id }: Job): boolean {
    return deliveryCount !== undefined && deliveryCount > 0 && !this.#survived.delete(id)
  }

  offer(job: Job): void {
    this.#waiting.push(job)
    this.#next()
  }

  /** Its run is over, and the process lives. */
  finished(job: Job): void {
    if (job.raw.isStale) return this.#freed()
    this.#cancel = this.#runtime.after(pauseMs, () => this.#freed())
  }

  /** It ran here when its connection was lost: when it comes again, it is known that nobody died of it. */
  survived(job: Job): void {
    this.#survived.add(job.id)
    const [oldest] = this.#survived
    if (this.#survived.size > mostSurvived && oldest !== undefined) this.#survived.delete(oldest)
  }

  stop(): void {
    this.#isBusy = true
    this.#cancel?.()
    this.#waiting.clear()
  }

  #freed(): void {
    this.#isBusy = false
    this.#next()
  }

  #next(): void {
    if (this.#isBusy) return
    const job = this.#waiting.shift()
    if (!job) return

    this.#isBusy = true
    const isFirst = this.#runtime.elapsed() - this.#lastAt > seriesMs
    this.#lastAt = this.#runtime.elapsed()
    const starts = job.raw.deliveryCount ?? 0
    if (isFirst && starts >= mostStarts && !job.raw.isStale) this.#end.convicted(job, starts)
    else this.#end.cleared(job)
  }
}
