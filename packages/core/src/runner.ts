import { Deadlines, type Due, type Expiring } from './deadlines.js'
import type { Refusal } from './decode.js'
import type { ProcessEvent } from './diagnostics.js'
import { WaybillError } from './error.js'
import { ended, Invocation, isThenable, type InvocationOptions } from './invocation.js'
import { JobDelivery, JobManualDelivery, type Job, type ManualWord } from './job.js'
import type { ListenCall } from './middleware.js'
import type { PlannedListener } from './plan.js'
import { Pace } from './pace.js'
import { JobScope } from './job-scope.js'
import { Held, scopes } from './scope.js'
import { readable } from './thrown.js'
import { Turnstile } from './turnstile.js'

/** Starts the runs of one listener, up to `concurrency` at a time, each within its time. */
export interface Runner {
  readonly listener: PlannedListener
  readonly isQuery: boolean
  /** How many runs are under way. */
  readonly running: number
  /** How many stand aside because of the rate. */
  readonly held: number
  offer(job: Job): void
  /** Before all others: it has waited already. */
  offerFirst(job: Job): void
  /** Starts no more. What runs goes on. */
  stop(): void
  /** Tells every run that its time is over; none of them counts any more. Returns how many there were. */
  abandon(): number
}

/** How one run of a listener ended. Exactly one of these follows each start. */
export interface RunEnd {
  succeeded(job: Job, value: unknown, held: Held, word: ManualWord | undefined): void
  failed(job: Job, error: unknown): void
  refused(job: Job, refusal: Refusal): void
}

export interface RunnerOptions extends InvocationOptions {
  readonly prefix: string
  readonly end: RunEnd
}

/** Runs a listener that takes one message at a time, each in a scope of its own. */
export class SingleRunner implements Runner {
  readonly listener: PlannedListener
  readonly #options: RunnerOptions
  readonly #invocation: Invocation
  readonly #ready: Turnstile
  readonly #times: Deadlines<Run>
  readonly #pace: Pace
  #running = 0
  #pumping = false
  #stopping = false

  constructor(options: RunnerOptions) {
    this.#options = options
    this.listener = options.listener
    this.#invocation = new Invocation(options)
    this.#ready = new Turnstile({ rate: this.listener.options.rate, runtime: options.runtime, bucketOf: (job) => this.#invocation.bucketOf(job), onReady: () => this.#pump() })
    this.#pace = new Pace(this.listener.options.concurrency, options.runtime, () => this.#pump())
    this.#times = new Deadlines(options.runtime, options.listener.options.timeoutMs, (run) => this.#expired(run))
  }

  get running(): number {
    return this.#running
  }

  get held(): number {
    return this.#ready.held
  }

  get isQuery(): boolean {
    return this.#invocation.isQuery
  }

  offer(job: Job): void {
    this.#ready.push(job)
    this.#pump()
  }

  offerFirst(job: Job): void {
    this.#ready.unshift(job)
    this.#pump()
  }

  stop(): void {
    this.#stopping = true
    this.#ready.clear()
    this.#pace.stop()
  }

  abandon(): number {
    const runs = this.#times.drain()
    const error = new WaybillError('STOPPED', `The app stopped before ${this.listener.label} had finished.`)
    for (const run of runs) {
      run.isOver = true
      run.held.end()
      run.delivery.abort(error)
    }

    return runs.length
  }

  #pump(): void {
    // A listener that answers at once would otherwise start the next one on top of itself, as deep as the queue is long.
    if (this.#pumping) return
    this.#pumping = true
    while (!this.#stopping && this.#running < this.#pace.limit) {
      const job = this.#ready.next()
      if (!job) break
      if (!job.raw.isStale) this.#start(job)
      else this.#options.end.failed(job, undefined)
    }
    this.#pumping = false
  }

  #start(job: Job): void {
    const found = this.#invocation.take(job)
    if (found.refusal) return this.#options.end.refused(job, found.refusal)

    this.#running++
    const run = new Run(job, this.#options.prefix, this.listener)
    this.#times.add(run)
    run.since = this.#pace.began()
    const event = this.#invocation.began(job)
    run.event = event
    const { label, channel, group } = this.listener
    const call: ListenCall = { message: found.message, delivery: run.delivery, heads: [job.raw], listener: label, channel, group, told: event && [event] }
    let value: unknown
    try {
      value = scopes.run(new JobScope(job, run.held, this.listener), this.#invocation.invoke, call)
      // Within the `try`: a `then` of somebody else's making may throw.
      if (isThenable(value))
        return void value.then(
          (result) => this.#succeeded(run, result, event),
          (error: unknown) => this.#failed(run, error, event),
        )
    } catch (error) {
      return this.#failed(run, error, event)
    }
    this.#succeeded(run, value, event)
  }

  #succeeded(run: Run, value: unknown, event: ProcessEvent | undefined): void {
    if (run.isOver) return
    const undeclared = this.#invocation.undeclared(value)
    if (undeclared) return this.#failed(run, undeclared, event)
    if (run.waitsForWord(() => this.#succeeded(run, value, event))) return

    this.#close(run, event)
    this.#options.end.succeeded(run.job, value, run.held, run.word)
    this.#pump()
  }

  #failed(run: Run, error: unknown, event: ProcessEvent | undefined): void {
    if (run.isOver) return
    this.#close(run, event, error)
    this.#options.end.failed(run.job, readable(error))
    this.#pump()
  }

  #expired(run: Run): void {
    const error = new WaybillError(
      'LISTENER_TIMEOUT',
      `${this.listener.label} did not finish within ${this.listener.options.timeoutMs} ms. Make it faster, or give it a longer "timeout".`,
    )
    run.delivery.abort(error)
    this.#failed(run, error, run.event)
  }

  #close(run: Run, event: ProcessEvent | undefined, error?: unknown): void {
    run.isOver = true
    run.held.end()
    this.#running--
    this.#times.remove(run)
    this.#pace.ended(run.since)
    ended(event, error)
  }
}

/** One try of one job. */
class Run implements Expiring<Run> {
  readonly job: Job
  readonly held = new Held()
  readonly delivery: JobDelivery
  isOver = false
  /** For the pace. */
  since = 0
  due: Due<Run> | undefined
  word: ManualWord | undefined
  event: ProcessEvent | undefined
  readonly #manual: boolean
  #onWord: (() => void) | undefined

  constructor(job: Job, prefix: string, { mode }: PlannedListener) {
    this.job = job
    this.#manual = mode === 'manual'
    this.delivery = this.#manual ? new JobManualDelivery(job, prefix, (word) => this.#say(word)) : new JobDelivery(job, prefix)
    if (this.#manual) this.held.mayCommit = () => this.#acked()
  }

  /** A manual listener may return before it decides; then its word ends the run. */
  waitsForWord(onWord: () => void): boolean {
    if (!this.#manual || this.word) return false
    this.#onWord = onWord

    return true
  }

  /** What is tried again or dead is not committed. */
  async #acked(): Promise<boolean> {
    if (!this.word)
      await new Promise<void>((resolve) => {
        this.#onWord = resolve
      })

    return this.word?.kind === 'ack'
  }

  #say(word: ManualWord): void {
    if (this.word) return
    this.word = word
    this.#onWord?.()
  }
}
