import { Deque } from './deque.js'
import type { Job } from './job.js'

/** The jobs of one key that are under way, several only in one batch, and those behind them. */
interface Lane {
  active: number
  readonly waiting: Deque<Job>
}

/** Jobs of one key go one after another; a lane exists while its key has a job. */
export class Lanes {
  readonly #lanes = new Map<string, Lane>()
  readonly #mayJoin: (job: Job) => boolean
  #waiting = 0

  /** `mayJoin`: whether one that waits behind its key may go before it was asked for by itself. */
  constructor(mayJoin: (job: Job) => boolean) {
    this.#mayJoin = mayJoin
  }

  get size(): number {
    return this.#lanes.size
  }

  /** How many jobs wait for those before them. */
  get waiting(): number {
    return this.#waiting
  }

  /** True: it may go now. False: it waits for those before it. */
  enter(job: Job): boolean {
    if (job.key === undefined) return true

    const lane = this.#lanes.get(job.key)
    if (lane) {
      lane.waiting.push(job)
      this.#waiting++
      return false
    }
    this.#lanes.set(job.key, { active: 1, waiting: new Deque() })

    return true
  }

  /** The next of its key, whose turn it is now. */
  leave(job: Job): Job | undefined {
    const lane = job.key === undefined ? undefined : this.#lanes.get(job.key)
    if (!lane || --lane.active > 0) return undefined

    const next = this.#take(lane)
    if (!next) this.#lanes.delete(job.key as string)

    return next
  }

  /** The next behind one that goes into a batch, where it may go into the same. */
  next(job: Job): Job | undefined {
    const next = this.#behind(job)?.peek()

    return next && this.#mayShare(next, job) ? next : undefined
  }

  /** How many behind one may go into the same batch, of so many at most. */
  followers(job: Job, most: number): number {
    const waiting = this.#behind(job)
    let count = 0
    for (let next = waiting?.peek(); next && count < most && this.#mayShare(next, job); next = waiting?.get(count)) count++

    return count
  }

  /** The one that {@link next} showed is under way together with those before it. */
  join(job: Job): void {
    const lane = this.#lanes.get(job.key as string)
    if (lane) this.#take(lane, lane.active)
  }

  /** One of several under way goes back behind those before it, in front of all others. False: there is nobody before it. */
  stepBack(job: Job): boolean {
    const lane = job.key === undefined ? undefined : this.#lanes.get(job.key)
    if (!lane || lane.active < 2) return false
    lane.active--
    lane.waiting.unshift(job)
    this.#waiting++

    return true
  }

  /** The key behind which most jobs wait. */
  longest(): { readonly key: string; readonly waiting: number } | undefined {
    let longest: { key: string; waiting: number } | undefined
    for (const [key, { waiting }] of this.#lanes) {
      if (waiting.length > (longest?.waiting ?? 0)) longest = { key, waiting: waiting.length }
    }

    return longest
  }

  #behind(job: Job): Deque<Job> | undefined {
    return job.key === undefined ? undefined : this.#lanes.get(job.key)?.waiting
  }

  #take(lane: Lane, active = 0): Job | undefined {
    const next = lane.waiting.shift()
    if (!next) return undefined
    lane.active = active + 1
    this.#waiting--

    return next
  }

  #mayShare(next: Job, job: Job): boolean {
    return next.runner === job.runner && !next.isSingle && !next.isSuspect && !next.raw.isStale && this.#mayJoin(next)
  }
}
