import type { Job } from './job.js'

interface Asked {
  readonly first: Job
  readonly waiting: Job[]
}

/** Queries under way. One that comes again from the same asker meanwhile waits for the end of the first, whose answer is its own. */
export class AskedTwice {
  readonly #asked = new Map<string, Asked>()
  #waiting = 0

  /** How many wait for the first. */
  get waiting(): number {
    return this.#waiting
  }

  /** True: it may go now. False: it waits for the one before it. */
  enter(job: Job): boolean {
    const name = nameOf(job)
    const asked = this.#asked.get(name)
    if (!asked) {
      this.#asked.set(name, { first: job, waiting: [] })
      return true
    }
    asked.waiting.push(job)
    this.#waiting++

    return false
  }

  /** Those that waited for it. */
  leave(job: Job): readonly Job[] {
    const name = nameOf(job)
    const asked = this.#asked.get(name)
    if (asked?.first !== job) return []
    this.#asked.delete(name)
    this.#waiting -= asked.waiting.length

    return asked.waiting
  }
}

/** Whoever names another's query waits for nothing of that. */
function nameOf({ id, raw: { replyTo } }: Job): string {
  return `${replyTo ?? ''} ${id}`
}
