import { Deque } from './deque.js'
import type { Job } from './job.js'

/** Jobs of one key go one after another; a lane exists while its key has a job. */
export class Lanes {
  readonly #lanes = new Map<string, Deque<Job>>()

  get size(): number {
    return this.#lanes.size
  }

  /** True: it may go now. False: it waits for those before it. */
  enter(job: Job): boolean {
    if (job.key === undefined) return true

    const lane = this.#lanes.get(job.key)
    if (lane) {
      lane.push(job)
      return false
    }
    this.#lanes.set(job.key, new Deque())

    return true
  }

  /** The next of its key, whose turn it is now. */
  leave(job: Job): Job | undefined {
    if (job.key === undefined) return undefined

    const next = this.#lanes.get(job.key)?.shift()
    if (!next) this.#lanes.delete(job.key)

    return next
  }
}
