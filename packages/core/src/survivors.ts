import type { Job } from './job.js'

const most = 10_000

/** Messages that were here when their connection was lost. When they come again, it is known that nobody died of them. */
export class Survivors {
  readonly #ids = new Set<string>()

  add({ id }: Job): void {
    this.#ids.delete(id)
    this.#ids.add(id)
    if (this.#ids.size <= most) return
    const [oldest] = this.#ids
    if (oldest !== undefined) this.#ids.delete(oldest)
  }

  /** It is no suspect. */
  recall(job: Job): void {
    if (this.#ids.delete(job.id)) job.isSuspect = false
  }
}
