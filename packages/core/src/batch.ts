import type { Deadlines, Due } from './deadlines.js'
import type { BatchItem } from './delivery.js'
import type { ProcessEvent } from './diagnostics.js'
import { isThenable } from './thenable.js'
import { readable } from './thrown.js'
import { WaybillError } from './error.js'
import { batchScope } from './batch-scope.js'
import { ended, Invocation } from './invocation.js'
import { JobDelivery, type Job } from './job.js'
import type { Lanes } from './lanes.js'
import type { ListenCall } from './middleware.js'
import type { PlannedListener } from './plan.js'
import { type Pace, paceOf } from './pace.js'
import { stoppedBefore } from './run.js'
import type { TimedRun } from './run-times.js'
import type { RunEnd, Runner, RunnerOptions } from './runner.js'
import { Held, scopes } from './scope.js'
import { Turnstile } from './turnstile.js'
import type { Unfinished } from './unfinished.js'

/** Beside the ends of single runs: all of a batch together. */
export interface BatchEnd extends RunEnd {
  /** All of them succeeded. Where what they hold cannot be sent, `apart` gives each a run of its own. */
  batchSucceeded(jobs: readonly Job[], held: Held, apart: () => void): void
  /** Its item was marked as failed when the batch was over, which changes nothing. */
  failedLate(job: Job, error: Error): void
  /** It failed while the app stops: all of them return to the broker. */
  abandoned(): void
}

export interface BatchRunnerOptions extends RunnerOptions {
  readonly lanes: Lanes
  readonly end: BatchEnd
}

/**
 * Runs a listener that takes several messages at a time: `size` of them, or as many as there are `wait` after the first. When the batch
 * throws or one of its items is marked as failed, what it holds is dropped and each item runs by itself, with an outcome of its own.
 */
export class BatchRunner implements Runner {
  readonly listener: PlannedListener
  readonly home: object
  readonly #options: BatchRunnerOptions
  readonly #size: number
  readonly #waitMs: number
  readonly #invocation: Invocation
  readonly #ready: Turnstile
  readonly #times: Deadlines<TimedRun>
  readonly #most: number
  readonly #pace: Pace | undefined
  #cancelWait: (() => void) | undefined
  #running = 0
  #pumping = false
  #stopping = false

  constructor(options: BatchRunnerOptions) {
    this.#options = options
    this.listener = options.listener
    this.home = options.home
    this.#size = options.listener.options.batch?.size ?? 1
    this.#waitMs = options.listener.options.batch?.waitMs ?? 0
    this.#invocation = new Invocation(options)
    this.#ready = new Turnstile({
      rate: this.listener.options.rate,
      runtime: options.runtime,
      bucketOf: (job) => this.#invocation.bucketOf(job),
      onReady: () => this.#pump(),
      together: { waitMs: this.#waitMs, count: (first, aside) => Math.min(this.#size, aside + this.#followers(first)) },
    })
    this.#most = this.listener.options.concurrency.max
    this.#pace = paceOf(this.listener.options.concurrency, options.runtime, () => this.#pump())
    this.#times = options.times.within(this.listener.options.timeoutMs)
  }

  get running(): number {
    return this.#running
  }

  get held(): number {
    return this.#ready.held
  }

  get isQuery(): boolean {
    return false
  }

  offer(job: Job): void {
    if (job.isAlone) this.#ready.unshift(job)
    else this.#ready.push(job)
    this.#pump()
  }

  offerFirst(job: Job): void {
    job.isAlone = true
    this.#ready.unshift(job)
    this.#pump()
  }

  follow(): void {
    this.#pump()
  }

  letGo(): void {
    if (this.held === 0) return
    this.#ready.letGo()
    this.#pump()
  }

  unfitContext(name: string, error: unknown): void {
    this.#invocation.warnOfContext(name, error)
  }

  stop(): void {
    this.#stopping = true
    this.#cancelWait?.()
    this.#ready.clear()
    this.#pace?.stop()
  }

  expired(run: BatchRun): void {
    this.#failed(
      run,
      new WaybillError(
        'LISTENER_TIMEOUT',
        `${this.listener.label} did not finish within ${this.listener.options.timeoutMs} ms. Make it faster, give it a longer "timeout", or make its batches smaller.`,
      ),
    )
  }

  failedLate(job: Job, error: Error): void {
    this.#options.end.failedLate(job, error)
  }

  #pump(): void {
    if (this.#pumping) return
    this.#pumping = true
    while (!this.#stopping && this.#running < (this.#pace?.limit ?? this.#most) && this.#isDue()) {
      this.#start(this.#gather())
    }
    this.#pumping = false
  }

  /** A suspect runs by itself. Its place is kept meanwhile: what is counted starts at once. */
  async #startCounted(job: Job): Promise<void> {
    this.#running++
    const mayStart = await this.#options.end.begins(job)
    this.#running--
    const batch: Work[] = []
    if (mayStart && this.#stopping) this.#options.end.failed(job, undefined)
    else if (mayStart) this.#add(job, batch)
    this.#start(batch)
    this.#pump()
  }

  /** A full batch, one that has waited, or a job that runs by itself. Otherwise a timer tells when it is. */
  #isDue(): boolean {
    const first = this.#ready.peek()
    if (!first) return false
    const left = first.since + this.#waitMs - this.#options.runtime.elapsed()
    if (first.isSingle || left <= 0 || this.#isFull) return true
    this.#cancelWait ??= this.#options.runtime.after(left, () => {
      this.#cancelWait = undefined
      this.#pump()
    })

    return false
  }

  /** Those behind the ready ones count too: messages of one key may share a batch. */
  get #isFull(): boolean {
    const { ready } = this.#ready
    let count = ready
    if (count + this.#options.lanes.waiting >= this.#size) for (let i = 0; i < ready && count < this.#size; i++) count += this.#followers(this.#ready.get(i) as Job)

    return count >= this.#size
  }

  /** How many of its key may go with one into a batch. */
  #followers(job: Job): number {
    return this.#options.lanes.followers(job, this.#size - 1)
  }

  /** The jobs of the next batch, read and able to run; the others are told their end at once. */
  #gather(): readonly Work[] {
    const batch: Work[] = []
    while (batch.length < this.#size && !(batch.length > 0 && this.#ready.peek()?.isSingle)) {
      const job = this.#ready.next()
      if (!job) break
      if (job.isSuspect && !job.raw.isStale) {
        if (batch.length > 0) this.#ready.unshift(job)
        else void this.#startCounted(job)
        break
      }
      this.#add(job, batch)
      if (job.isSingle) break
      this.#addFollowers(job, batch)
    }

    return batch
  }

  /** Messages of one key may share a batch: they stand in it in their order. */
  #addFollowers(job: Job, batch: Work[]): void {
    const { lanes } = this.#options
    if (batch.at(-1)?.job !== job) return
    for (let next = lanes.next(job); next && batch.length < this.#size && this.#mayFollow(next); next = lanes.next(job)) {
      lanes.join(next)
      this.#add(next, batch)
    }
  }

  /** Where its key would be parked by its end, one that cannot be read waits for the end of those before it. */
  #mayFollow(job: Job): boolean {
    if (this.listener.options.deadKey === 'park' && this.#invocation.isRefused(job)) return false

    return this.#ready.admits(job)
  }

  #add(job: Job, batch: Work[]): void {
    if (job.raw.isStale) return this.#options.end.failed(job, undefined)
    const found = this.#invocation.take(job)
    if (found.refusal) return this.#options.end.refused(job, found.refusal)
    batch.push({ job, message: found.message })
  }

  #start(batch: readonly Work[]): void {
    if (batch.length === 0) return
    this.#running++
    const run = new BatchRun(batch, this.#options.prefix, this.#invocation, this)
    this.#times.add(run)
    if (this.#pace) run.since = this.#pace.began()
    const [{ channel, group, label }, [first]] = [this.listener, run.items]
    const call: ListenCall = {
      message: batch.map(({ message }) => message),
      delivery: first as BatchItem,
      // The listener's own list: whatever it does with it, the items are judged.
      items: [...run.items],
      heads: batch.map(({ job }) => job.raw),
      listener: label,
      channel,
      group,
      told: run.told,
    }
    let value: unknown
    try {
      value = scopes.run(batchScope(run.jobs, run.held, this.listener), this.#invocation.invoke, call)
      // Within the `try`: a `then` of somebody else's making may throw.
      if (isThenable(value))
        return void value.then(
          (result) => this.#succeeded(run, result),
          (error: unknown) => this.#failed(run, error),
        )
    } catch (error) {
      return this.#failed(run, error)
    }
    this.#succeeded(run, value)
  }

  #succeeded(run: BatchRun, value: unknown): void {
    if (run.isOver) return
    const error = run.failure ?? this.#invocation.undeclared(value)
    if (error) return this.#failed(run, error)

    this.#close(run)
    const [alone, ...others] = run.jobs
    if (alone && others.length === 0) this.#options.end.succeeded(alone, value, run.held, undefined)
    else this.#options.end.batchSucceeded(run.jobs, run.held, () => this.#apart(run.jobs))
    this.#pump()
  }

  #failed(run: BatchRun, thrown: unknown): void {
    if (run.isOver) return
    const error = readable(thrown)
    this.#close(run, error)
    if (run.jobs.length > 1 && !isNoTry(error)) this.#apart(run.jobs)
    else for (const job of run.jobs) this.#options.end.failed(job, error)
    this.#pump()
  }

  /** The others of a key wait for the first one's end, in front of all that came later. */
  #apart(jobs: readonly Job[]): void {
    if (this.#stopping) return this.#options.end.abandoned()
    for (const job of [...jobs].reverse()) {
      job.isAlone = true
      if (!this.#options.lanes.stepBack(job)) this.#ready.unshift(job)
    }
    this.#pump()
  }

  #close(run: BatchRun, error?: unknown): void {
    this.#running--
    this.#times.remove(run)
    this.#pace?.ended(run.since, error)
    run.close(error)
  }
}

/** Run apart, its items would find the same middleware. */
function isNoTry(error: unknown): boolean {
  return error instanceof WaybillError && error.code === 'NEXT_TWICE'
}

interface Work {
  readonly job: Job
  readonly message: unknown
}

/** One try of one batch. */
class BatchRun implements TimedRun {
  readonly jobs: readonly Job[]
  readonly items: readonly JobBatchItem[]
  readonly held: Held
  isOver = false
  /** For the pace. */
  since = 0
  due: Due<TimedRun> | undefined
  readonly told: readonly ProcessEvent[] | undefined
  readonly #runner: BatchRunner

  constructor(batch: readonly Work[], prefix: string, invocation: Invocation, runner: BatchRunner) {
    this.#runner = runner
    this.jobs = batch.map(({ job }) => job)
    this.held = new Held(runner.home)
    this.items = this.jobs.map((job) => new JobBatchItem(job, prefix, (error) => this.isOver && runner.failedLate(job, error)))
    const told = this.jobs.flatMap((job) => invocation.began(job, batch.length) ?? [])
    this.told = told.length > 0 ? told : undefined
    this.held.mayCommit = () => this.#unfailed()
  }

  /** The first error by which an item was marked. */
  get failure(): Error | undefined {
    return this.items.find(({ error }) => error)?.error
  }

  #unfailed(): true {
    if (this.failure) throw this.failure

    return true
  }

  expire(): void {
    this.#runner.expired(this)
  }

  get unfinished(): Unfinished {
    return { listener: this.#runner.listener.label, ids: this.jobs.map(({ id }) => id) }
  }

  abandon(): void {
    this.close(stoppedBefore(this.#runner.listener))
  }

  close(error?: unknown): void {
    this.isOver = true
    this.held.end()
    for (const event of this.told ?? []) ended(event, error)
    if (error instanceof WaybillError) for (const item of this.items) item.abort(error)
  }
}

class JobBatchItem extends JobDelivery implements BatchItem {
  error: Error | undefined
  readonly #onFailed: (error: Error) => void

  constructor(job: Job, prefix: string, onFailed: (error: Error) => void) {
    super(job, prefix)
    this.#onFailed = onFailed
  }

  fail(error: Error): void {
    if (this.error) return
    this.error = error instanceof Error ? error : new WaybillError('FAILED', 'The item was marked as failed without an Error.')
    this.#onFailed(this.error)
  }
}
