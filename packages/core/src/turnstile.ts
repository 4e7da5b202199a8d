import { Deque } from './deque.js'
import type { Job } from './job.js'
import type { ResolvedListenerOptions } from './plan.js'
import { Rate } from './rate.js'
import type { Runtime } from './runtime.js'

export interface TurnstileOptions {
  readonly rate: ResolvedListenerOptions['rate']
  readonly runtime: Runtime
  /** By what the rate of a job is counted. */
  readonly bucketOf: (job: Job) => string
  /** Somebody who had to wait may go now. */
  readonly onReady: () => void
  /** Those who go together wait for each other, so long at most. `count`: how many may go with the first of those that stand aside. */
  readonly together?: { readonly waitMs: number; readonly count: (first: Job, aside: number) => number }
}

/** Jobs of one bucket for which there was no token. */
interface Aside {
  readonly jobs: Deque<Job>
  /** The one whose time has come and who has not gone yet. */
  turn: Job | undefined
  cancel: () => void
}

/** Jobs that may start, in their order. Those over the listener's rate stand aside and let the others pass. */
export class Turnstile {
  readonly #options: TurnstileOptions
  readonly #rate: Rate | undefined
  readonly #ready = new Deque<Job>()
  readonly #aside = new Map<string, Aside>()
  #held = 0

  constructor(options: TurnstileOptions) {
    this.#options = options
    this.#rate = options.rate ? new Rate(options.rate, options.runtime) : undefined
  }

  /** Who comes now has nobody before it, and there is no rate to keep. */
  get isOpen(): boolean {
    return this.#ready.length === 0 && this.#rate === undefined
  }

  /** Those that do not wait for the rate. */
  get ready(): number {
    return this.#ready.length
  }

  /** Those over the rate. */
  get held(): number {
    return this.#held
  }

  push(job: Job): void {
    this.#ready.push(job)
  }

  unshift(job: Job): void {
    this.#ready.unshift(job)
  }

  peek(): Job | undefined {
    return this.#ready.peek()
  }

  /** The one so far behind the first of those that do not wait for the rate. */
  get(offset: number): Job | undefined {
    return this.#ready.get(offset)
  }

  /** The next that may start now, with its token taken. */
  next(): Job | undefined {
    for (;;) {
      const job = this.#ready.shift()
      if (!job || !this.#rate || this.#passes(job, this.#rate)) return job
    }
  }

  /** Whether one that is not in here may go at once; then its token is taken. */
  admits(job: Job): boolean {
    if (!this.#rate) return true
    const bucket = this.#options.bucketOf(job)

    return !this.#aside.has(bucket) && this.#rate.take(bucket) === 0
  }

  /** Those whose connection is gone need no token: they go on to their end, and the others of their bucket stay. */
  letGo(): void {
    for (const [bucket, aside] of this.#aside) {
      for (let left = aside.jobs.length; left > 0; left--) this.#sort(aside.jobs.shift() as Job, aside)
      if (aside.jobs.length > 0 || aside.turn) continue
      aside.cancel()
      this.#aside.delete(bucket)
    }
  }

  clear(): void {
    for (const { cancel } of this.#aside.values()) cancel()
    this.#aside.clear()
    this.#ready.clear()
    this.#held = 0
  }

  #sort(job: Job, { jobs }: Aside): void {
    if (!job.raw.isStale) return jobs.push(job)
    this.#held--
    this.#ready.push(job)
  }

  #passes(job: Job, rate: Rate): boolean {
    const bucket = this.#options.bucketOf(job)
    const aside = this.#aside.get(bucket)
    if (job.raw.isStale) {
      if (aside?.turn === job) this.#advance(bucket, aside, rate)
      return true
    }
    if (aside && aside.turn !== job) {
      aside.jobs.push(job)
      this.#held++
      return false
    }
    if (rate.take(bucket) > 0) {
      this.#setAside(job, bucket, aside, rate)
      return false
    }
    if (aside) this.#advance(bucket, aside, rate)

    return true
  }

  #setAside(job: Job, bucket: string, known: Aside | undefined, rate: Rate): void {
    const aside = known ?? { jobs: new Deque<Job>(), turn: undefined, cancel: () => undefined }
    this.#aside.set(bucket, aside)
    aside.turn = undefined
    aside.jobs.unshift(job)
    this.#held++
    this.#arm(bucket, aside, rate)
  }

  #arm(bucket: string, aside: Aside, rate: Rate): void {
    aside.cancel = this.#options.runtime.after(this.#waitOf(bucket, aside, rate), () => this.#called(aside))
  }

  #waitOf(bucket: string, { jobs }: Aside, rate: Rate): number {
    const { together } = this.#options
    const wait = rate.wait(bucket)
    const first = jobs.peek()
    if (!together || !first) return wait

    return Math.max(wait, Math.min(together.waitMs, rate.wait(bucket, together.count(first, jobs.length))))
  }

  #called(aside: Aside): void {
    this.#admit(aside)
    this.#options.onReady()
  }

  #admit(aside: Aside): void {
    aside.turn = aside.jobs.shift()
    this.#held--
    this.#ready.unshift(aside.turn as Job)
  }

  #advance(bucket: string, aside: Aside, rate: Rate): void {
    aside.turn = undefined
    if (aside.jobs.length === 0) {
      this.#aside.delete(bucket)
      return
    }
    if (rate.wait(bucket) === 0) this.#admit(aside)
    else this.#arm(bucket, aside, rate)
  }
}
