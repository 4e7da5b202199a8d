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
}

/** Jobs of one bucket for which there was no token. */
interface Parked {
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
  readonly #parked = new Map<string, Parked>()
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

    return !this.#parked.has(bucket) && this.#rate.take(bucket) === 0
  }

  /** Those whose connection is gone need no token: they go on to their end, and the others of their bucket stay. */
  letGo(): void {
    for (const [bucket, parked] of this.#parked) {
      for (let left = parked.jobs.length; left > 0; left--) this.#sort(parked.jobs.shift() as Job, parked)
      if (parked.jobs.length > 0 || parked.turn) continue
      parked.cancel()
      this.#parked.delete(bucket)
    }
  }

  clear(): void {
    for (const { cancel } of this.#parked.values()) cancel()
    this.#parked.clear()
    this.#ready.clear()
    this.#held = 0
  }

  #sort(job: Job, { jobs }: Parked): void {
    if (!job.raw.isStale) return jobs.push(job)
    this.#held--
    this.#ready.push(job)
  }

  #passes(job: Job, rate: Rate): boolean {
    const bucket = this.#options.bucketOf(job)
    const parked = this.#parked.get(bucket)
    if (job.raw.isStale) {
      if (parked?.turn === job) this.#advance(bucket, parked, rate)
      return true
    }
    if (parked && parked.turn !== job) {
      parked.jobs.push(job)
      this.#held++
      return false
    }
    const wait = rate.take(bucket)
    if (wait > 0) {
      this.#park(job, bucket, parked, wait)
      return false
    }
    if (parked) this.#advance(bucket, parked, rate)

    return true
  }

  #park(job: Job, bucket: string, known: Parked | undefined, wait: number): void {
    const parked = known ?? { jobs: new Deque<Job>(), turn: undefined, cancel: () => undefined }
    this.#parked.set(bucket, parked)
    parked.turn = undefined
    parked.jobs.unshift(job)
    this.#held++
    parked.cancel = this.#options.runtime.after(wait, () => this.#called(parked))
  }

  #called(parked: Parked): void {
    this.#admit(parked)
    this.#options.onReady()
  }

  #admit(parked: Parked): void {
    parked.turn = parked.jobs.shift()
    this.#held--
    this.#ready.unshift(parked.turn as Job)
  }

  #advance(bucket: string, parked: Parked, rate: Rate): void {
    parked.turn = undefined
    if (parked.jobs.length === 0) {
      this.#parked.delete(bucket)
      return
    }
    const wait = rate.wait(bucket)
    if (wait === 0) this.#admit(parked)
    else parked.cancel = this.#options.runtime.after(wait, () => this.#called(parked))
  }
}
