import type { Job } from './job.js'

const most = 10_000

/** Messages that were here when their connection was lost. When they come again, it is known that nobody died of them, and which try is theirs. */
export class Survivors {
  readonly #tries = new Map<string, number>()

  add({ attempt, id }: Job): void {
    this.#tries.delete(id)
    this.#tries.set(id, attempt)
    if (this.#tries.size <= most) return
    const [oldest] = this.#tries.keys()
    if (oldest !== undefined) this.#tries.delete(oldest)
  }

  /** It goes on where it was: its tries count on, and it is no suspect. */
  recall(job: Job): void {
    const attempt = this.#tries.get(job.id)
    if (attempt === undefined) return
    this.#tries.delete(job.id)
    job.attempt = Math.max(job.attempt, attempt)
    job.isSuspect = false
  }
}
