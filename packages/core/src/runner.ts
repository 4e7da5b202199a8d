import { Deadlines } from './deadlines.js'
import { textUpTo } from './dead-letter.js'
import { decode, inspect, rawMessage, type DecodeRules, type Refusal } from './decode.js'
import { Deque } from './deque.js'
import { diagnostics, type ProcessEvent } from './diagnostics.js'
import { WaybillError } from './error.js'
import { JobDelivery, JobManualDelivery, type Job, type ManualWord } from './job.js'
import { definitionOf, Message, type MessageClass } from './message.js'
import type { ListenCall, Middleware } from './middleware.js'
import type { PlannedListener } from './plan.js'
import { isDeclared, undeclared } from './returned.js'
import { JobScope } from './job-scope.js'
import { Held, scopes } from './scope.js'
import type { Runtime } from './runtime.js'
import { readable } from './thrown.js'

/** How one run of a listener ended. Exactly one of these follows each start. */
export interface RunEnd {
  succeeded(job: Job, value: unknown, held: Held, word: ManualWord | undefined): void
  failed(job: Job, error: unknown): void
  refused(job: Job, refusal: Refusal): void
}

export interface RunnerOptions {
  readonly app: string
  readonly instance: object
  readonly listener: PlannedListener
  readonly prefix: string
  readonly rules: DecodeRules
  readonly runtime: Runtime
  readonly middleware: readonly Middleware[]
  readonly end: RunEnd
}

/** Runs one listener: up to `concurrency` at a time, each within its time, each in a scope of its own. */
export class Runner {
  readonly listener: PlannedListener
  readonly #options: RunnerOptions
  readonly #ready = new Deque<Job>()
  readonly #times: Deadlines<Run>
  readonly #types: ReadonlyMap<string, MessageClass>
  readonly #isQuery: boolean
  readonly #invoke: (call: ListenCall) => unknown
  #running = 0
  #pumping = false
  #stopping = false

  constructor(options: RunnerOptions) {
    this.#options = options
    this.listener = options.listener
    this.#types = typesOf(options.listener)
    this.#isQuery = [...this.#types.values()].some((type) => definitionOf(type)?.kind === 'query')
    this.#invoke = invoker(options)
    this.#times = new Deadlines(options.runtime, options.listener.options.timeoutMs, (run) => this.#expired(run))
  }

  /** How many runs are under way. */
  get running(): number {
    return this.#running
  }

  get isQuery(): boolean {
    return this.#isQuery
  }

  offer(job: Job): void {
    this.#ready.push(job)
    this.#pump()
  }

  /** Before all others: it has waited already. */
  offerFirst(job: Job): void {
    this.#ready.unshift(job)
    this.#pump()
  }

  /** Starts no more. What runs goes on. */
  stop(): void {
    this.#stopping = true
    this.#ready.clear()
  }

  /** Tells every run that its time is over; none of them counts any more. Returns how many there were. */
  abandon(): number {
    const runs = this.#times.drain()
    const error = new WaybillError('STOPPED', `The app stopped before ${this.listener.label} had finished.`)
    for (const run of runs) {
      run.isOver = true
      run.held.isOver = true
      run.delivery.abort(error)
    }

    return runs.length
  }

  #pump(): void {
    // A listener that answers at once would otherwise start the next one on top of itself, as deep as the queue is long.
    if (this.#pumping) return
    this.#pumping = true
    while (!this.#stopping && this.#running < this.listener.options.concurrency.max) {
      const job = this.#ready.shift()
      if (!job) break
      if (!job.raw.isStale) this.#start(job)
      else this.#options.end.failed(job, undefined)
    }
    this.#pumping = false
  }

  #start(job: Job): void {
    const found = this.#read(job)
    if (found.refusal) return this.#options.end.refused(job, found.refusal)

    this.#running++
    const run = new Run(job, this.#options.prefix, this.listener)
    this.#times.add(run)
    const event = this.#began(job)
    const call: ListenCall = { message: found.message, delivery: run.delivery, listener: this.listener.label, channel: this.listener.channel, group: this.listener.group }
    let value: unknown
    try {
      value = scopes.run(new JobScope(job, run.held, this.listener), this.#invoke, call)
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

  #read(job: Job): { readonly message: unknown; readonly refusal?: undefined } | { readonly refusal: Refusal } {
    const { rules } = this.#options
    if (this.listener.takes === 'raw') {
      const refusal = inspect(job.raw, rules.limits)
      return refusal ? { refusal } : { message: rawMessage(job.raw) }
    }
    const type = this.#types.get(String(job.raw.envelope.type))
    const decoded = decode(job.raw, type as MessageClass, rules)

    return decoded.refusal ? { refusal: decoded.refusal } : { message: decoded.message }
  }

  #succeeded(run: Run, value: unknown, event: ProcessEvent | undefined): void {
    if (run.isOver) return
    const undeclared = undeclaredReturn(value, this.listener)
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
    this.#failed(run, error, undefined)
  }

  #close(run: Run, event: ProcessEvent | undefined, error?: unknown): void {
    run.isOver = true
    run.held.isOver = true
    this.#running--
    this.#times.remove(run)
    if (!event) return
    event.error = error
    diagnostics.process.asyncEnd.publish(event)
  }

  #began(job: Job): ProcessEvent | undefined {
    if (!diagnostics.process.start.hasSubscribers && !diagnostics.process.asyncEnd.hasSubscribers) return undefined

    const { channel, group, label } = this.listener
    const event: ProcessEvent = {
      app: this.#options.app,
      channel,
      group,
      listener: label,
      messageName: textUpTo(job.raw.envelope.type, 255) ?? 'unknown',
      id: job.id,
      attempt: job.attempt,
      headers: job.raw.headers,
    }
    diagnostics.process.start.publish(event)

    return event
  }
}

/** One try of one job. */
class Run {
  readonly job: Job
  readonly held = new Held()
  readonly delivery: JobDelivery
  isOver = false
  word: ManualWord | undefined
  readonly #manual: boolean
  #onWord: (() => void) | undefined

  constructor(job: Job, prefix: string, { mode }: PlannedListener) {
    this.job = job
    this.#manual = mode === 'manual'
    this.delivery = this.#manual ? new JobManualDelivery(job, prefix, (word) => this.#say(word)) : new JobDelivery(job, prefix)
  }

  /** A manual listener may return before it decides; then its word ends the run. */
  waitsForWord(onWord: () => void): boolean {
    if (!this.#manual || this.word) return false
    this.#onWord = onWord

    return true
  }

  #say(word: ManualWord): void {
    if (this.word) return
    this.word = word
    this.#onWord?.()
  }
}

function typesOf({ takes }: PlannedListener): ReadonlyMap<string, MessageClass> {
  const types = new Map<string, MessageClass>()
  if (takes === 'raw') return types
  for (const type of takes) {
    const definition = definitionOf(type)
    if (!definition) continue
    types.set(definition.name, type)
    if (definition.foreignName !== undefined) types.set(definition.foreignName, type)
  }

  return types
}

function invoker({ instance, listener, middleware }: RunnerOptions): (call: ListenCall) => unknown {
  const method = (instance as Record<string | symbol, (message: unknown, delivery: unknown) => unknown>)[listener.method]
  const innermost = (call: ListenCall): unknown => method?.call(instance, call.message, call.delivery)

  return middleware.reduceRight<(call: ListenCall) => unknown>((inner, { listen }) => {
    if (!listen) return inner

    return (call) => listen(call, async () => inner(call))
  }, innermost)
}

function undeclaredReturn(value: unknown, { label, returns }: PlannedListener): WaybillError | undefined {
  try {
    const [first] = Array.isArray(value) ? (value as unknown[]) : [value]

    return first instanceof Message && !isDeclared(first, returns) ? undeclared(first, returns, label) : undefined
  } catch {
    // A proxy that cannot be read is no message.
    return undefined
  }
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof value === 'object' && value !== null && typeof (value as { then?: unknown }).then === 'function'
}
