import type { Deadlines } from './deadlines.js'
import type { Refusal } from './decode.js'
import type { ProcessEvent } from './diagnostics.js'
import { WaybillError } from './error.js'
import { ended, Invocation, type InvocationOptions } from './invocation.js'
import type { Job, ManualWord } from './job.js'
import type { ListenCall } from './middleware.js'
import type { PlannedListener } from './plan.js'
import { type Pace, paceOf } from './pace.js'
import { JobScope } from './job-scope.js'
import { Run, type RunWatch } from './run.js'
import type { RunTimes, TimedRun } from './run-times.js'
import type { Runtime } from './runtime.js'
import { type Held, scopes } from './scope.js'
import { isThenable } from './thenable.js'
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
  /** One waits behind its key now, and may share a batch with those before it. */
  follow?(): void
  /** Gives up those that stand aside and whose connection is gone. */
  letGo(): void
  /** A context that came with a message does not fit the schema of who asked for it. */
  unfitContext(name: string, error: unknown): void
  /** Starts no more. What runs goes on. */
  stop(): void
}

/** How one run of a listener ended. Exactly one of these follows each start. */
export interface RunEnd {
  succeeded(job: Job, value: unknown, held: Held, word: ManualWord | undefined): void
  failed(job: Job, error: unknown): void
  refused(job: Job, refusal: Refusal): void
  /** It threw after its listener had settled it by hand. */
  threwSettled(job: Job, error: unknown, held: Held, word: ManualWord): void
  /** Its listener settled it by hand when the run was over, which changes nothing. */
  settledLate(job: Job, word: ManualWord): void
  /** Asked before a suspect starts. False: it shall not, and somebody else has it now. */
  begins(job: Job): Promise<boolean>
}

export interface RunnerOptions extends InvocationOptions {
  readonly prefix: string
  readonly times: RunTimes
  readonly end: RunEnd
}

/** Runs a listener that takes one message at a time, each in a scope of its own. */
export class SingleRunner implements Runner, RunWatch {
  readonly listener: PlannedListener
  readonly isQuery: boolean
  readonly home: object
  readonly #prefix: string
  readonly #end: RunEnd
  readonly #invocation: Invocation
  readonly #runtime: Runtime
  readonly #times: Deadlines<TimedRun>
  readonly #most: number
  readonly #isTransactional: boolean
  readonly #pace: Pace | undefined
  /** Made when somebody has to wait: a thousand lines that nobody stands in are much memory to look at. */
  #line: Turnstile | undefined
  #running = 0
  #pumping = false
  #stopping = false

  constructor(options: RunnerOptions) {
    const { listener, runtime } = options
    const { rate, concurrency, timeoutMs } = listener.options
    this.listener = listener
    this.home = options.home
    this.#prefix = options.prefix
    this.#end = options.end
    this.#invocation = new Invocation(options)
    this.isQuery = this.#invocation.isQuery
    this.#runtime = runtime
    if (rate) this.#line = this.#newLine()
    this.#most = concurrency.max
    this.#isTransactional = options.transaction !== undefined
    this.#pace = paceOf(concurrency, runtime, () => this.#pump())
    this.#times = options.times.within(timeoutMs)
  }

  get running(): number {
    return this.#running
  }

  get held(): number {
    return this.#line?.held ?? 0
  }

  offer(job: Job): void {
    const isFirst = this.#line?.isOpen ?? true
    if (isFirst && this.#hasRoom && !this.#pumping) return this.#pump(job)
    this.#line ??= this.#newLine()
    this.#line.push(job)
    this.#pump()
  }

  offerFirst(job: Job): void {
    this.#line ??= this.#newLine()
    this.#line.unshift(job)
    this.#pump()
  }

  letGo(): void {
    if (this.held === 0) return
    this.#line?.letGo()
    this.#pump()
  }

  unfitContext(name: string, error: unknown): void {
    this.#invocation.warnOfContext(name, error)
  }

  stop(): void {
    this.#stopping = true
    this.#line?.clear()
    this.#pace?.stop()
  }

  expired(run: Run): void {
    const { label, mode, options } = this.listener
    const isForgotten = mode === 'manual' && !run.word
    const reason = isForgotten
      ? `${label} did not settle its message within ${options.timeoutMs} ms. With \`settle: 'manual'\` it calls ack, retry or deadLetter of its delivery on every path; or give it a longer "timeout".`
      : `${label} did not finish within ${options.timeoutMs} ms. Make it faster, or give it a longer "timeout".`
    const error = new WaybillError('LISTENER_TIMEOUT', reason)
    run.delivery.abort(error)
    this.#failed(run, error, run.event)
  }

  settledLate({ job }: Run, word: ManualWord): void {
    this.#end.settledLate(job, word)
  }

  get #hasRoom(): boolean {
    return !this.#stopping && this.#running < (this.#pace?.limit ?? this.#most)
  }

  #pump(first?: Job): void {
    // A listener that answers at once would otherwise start the next one on top of itself, as deep as the queue is long.
    if (this.#pumping) return
    this.#pumping = true
    for (let job = first ?? this.#next(); job; job = this.#next()) {
      if (job.raw.isStale) this.#end.failed(job, undefined)
      else if (job.isSuspect) void this.#startCounted(job)
      else this.#start(job)
    }
    this.#pumping = false
  }

  /** Its place is kept meanwhile: what is counted starts at once. */
  async #startCounted(job: Job): Promise<void> {
    this.#running++
    const mayStart = await this.#end.begins(job)
    this.#running--
    if (mayStart && (this.#stopping || job.raw.isStale)) this.#end.failed(job, undefined)
    else if (mayStart) this.#start(job)
    this.#pump()
  }

  #next(): Job | undefined {
    return this.#hasRoom ? this.#line?.next() : undefined
  }

  #newLine(): Turnstile {
    return new Turnstile({ rate: this.listener.options.rate, runtime: this.#runtime, bucketOf: (job) => this.#invocation.bucketOf(job), onReady: () => this.#pump() })
  }

  #start(job: Job): void {
    const found = this.#invocation.take(job)
    if (found.refusal) return this.#end.refused(job, found.refusal)

    this.#running++
    const run = new Run(job, this.#prefix, this)
    this.#times.add(run)
    if (this.#pace) run.since = this.#pace.began()
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
    this.#end.succeeded(run.job, value, run.held, run.word)
    this.#pump()
  }

  #failed(run: Run, thrown: unknown, event: ProcessEvent | undefined): void {
    if (run.isOver) return
    const error = readable(thrown)
    this.#close(run, event, error)
    if (run.word && this.#stands(run.word)) this.#end.threwSettled(run.job, error, run.held, run.word)
    else this.#end.failed(run.job, error)
    this.#pump()
  }

  /** What was to be acked with the commit is not, where there was no commit. */
  #stands({ kind }: ManualWord): boolean {
    return kind !== 'ack' || !this.#isTransactional
  }

  #close(run: Run, event: ProcessEvent | undefined, error?: unknown): void {
    run.close()
    this.#running--
    this.#times.remove(run)
    this.#pace?.ended(run.since, error)
    ended(event, error)
  }
}
