import { loggedOf, numberOf, textUpTo } from './dead-letter.js'
import { decode, inspect, rawMessage, type DecodeRules, type Refusal } from './decode.js'
import { diagnostics, type ProcessEvent } from './diagnostics.js'
import type { WaybillError } from './error.js'
import type { Job } from './job.js'
import { JobScope } from './job-scope.js'
import type { ListenerTransaction } from './listener-transaction.js'
import type { Logger } from './logger.js'
import { definitionOf, Message } from './message.js'
import type { ListenCall, NamedMiddleware } from './middleware.js'
import { type Around, runAround } from './next.js'
import type { PlannedListener } from './plan.js'
import { answeredWithMessage, isDeclared, undeclared } from './returned.js'
import type { Runtime } from './runtime.js'
import { scopes } from './scope.js'
import { header } from './wire.js'

/** What a delivery carries, for its listener; or why it cannot. */
export type Found = { readonly message: unknown; readonly refusal?: undefined } | { readonly refusal: Refusal; readonly message?: undefined }

export interface InvocationOptions {
  readonly app: string
  /** The same, for what is held in it. */
  readonly home: object
  readonly transport: string
  readonly instance: object
  readonly listener: PlannedListener
  readonly rules: DecodeRules
  readonly middleware: readonly NamedMiddleware[]
  readonly log: Logger
  readonly runtime: Runtime
  /** Undefined: it runs without a transaction. */
  readonly transaction: ListenerTransaction | undefined
}

/** Everything around one method that is the same for each of its calls: what it takes, and the middleware around it. */
export class Invocation {
  readonly isQuery: boolean
  /** Calls the method within its middleware. */
  readonly invoke: (call: ListenCall) => unknown
  readonly #options: InvocationOptions
  #hasWarned = false
  #unfitContexts: ReadonlySet<string> | undefined

  constructor(options: InvocationOptions) {
    this.#options = options
    const { takes } = options.listener
    this.isQuery = takes !== 'raw' && takes.some((type) => definitionOf(type)?.kind === 'query')
    const plain = invoker(options)
    const { transaction } = options
    this.invoke = transaction ? (call) => transaction.run(call, { invoke: plain, undeclared: (value) => this.undeclared(value), query: this.#queried() }) : plain
  }

  /** What was read for the rate already, or reads it now. */
  take(job: Job): Found {
    const found = job.found ?? this.#read(job)
    job.found = undefined

    return found
  }

  /** Whether it cannot be read. What is read stays with it for its turn. */
  isRefused(job: Job): boolean {
    job.found ??= this.#read(job)

    return job.found.refusal !== undefined
  }

  /** By what the rate of a job is counted: a field of its payload, or the listener as a whole. */
  bucketOf(job: Job): string {
    const by = this.#options.listener.options.rate?.by
    if (by === undefined) return ''
    job.found ??= this.#read(job)
    const { message } = job.found
    if (!(message instanceof Message)) return ''
    const value = (Message.outputOf(message) as Readonly<Record<string, unknown>>)[by]
    if (typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean') return String(value)
    this.#warnOfBucket(by, job)

    return ''
  }

  /** Once: the schema of a payload cannot be asked for its fields. */
  #warnOfBucket(by: string, { raw }: Job): void {
    if (this.#hasWarned) return
    this.#hasWarned = true
    const { listener, log } = this.#options
    log.warn(
      `${listener.label} has \`rate.by\` "${by}", and a payload of "${String(raw.envelope.type)}" has no text, number or boolean there: all such messages share one rate. Name a field that each of them has.`,
      { channel: listener.channel, group: listener.group },
    )
  }

  /** Once for each context: a stranger could fill the log. */
  warnOfContext(name: string, error: unknown): void {
    if (this.#unfitContexts?.has(name)) return
    this.#unfitContexts = new Set(this.#unfitContexts).add(name)
    const { listener, log } = this.#options
    log.warn(
      `${listener.label} asked for the context "${name}", and what came with a message does not fit its schema, so it is undefined there; this is said once. Let sender and listener declare it alike: ${loggedOf(error)}`,
      { channel: listener.channel, group: listener.group },
    )
  }

  began(job: Job, batch?: number): ProcessEvent | undefined {
    if (!diagnostics.process.start.hasSubscribers && !diagnostics.process.asyncEnd.hasSubscribers) return undefined

    const { channel, group, label } = this.#options.listener
    const event: ProcessEvent = {
      app: this.#options.app,
      transport: this.#options.transport,
      channel,
      group,
      listener: label,
      messageName: textUpTo(job.raw.envelope.type, 255) ?? 'unknown',
      id: job.id,
      attempt: job.attempt,
      headers: job.raw.headers,
      envelope: job.raw.envelope,
      redelivered: job.raw.redelivered,
      bytes: job.raw.body.length,
      since: this.#options.runtime.elapsed(),
      batch,
    }
    diagnostics.process.start.publish(event)

    return event
  }

  /** What a method returned that it does not declare. */
  undeclared(value: unknown): WaybillError | undefined {
    if (typeof value !== 'object' || value === null) return undefined
    const { returns, label } = this.#options.listener
    try {
      const all: readonly unknown[] = Array.isArray(value) ? value : [value]
      const found = all.find((one) => one instanceof Message && !isDeclared(one, returns))

      if (found === undefined) return undefined

      return this.isQuery ? answeredWithMessage(found, label) : undeclared(found, returns, label)
    } catch {
      // A proxy that cannot be read is no message.
      return undefined
    }
  }

  #queried(): Job | undefined {
    const scope = this.isQuery ? scopes.getStore() : undefined

    return scope instanceof JobScope ? scope.job : undefined
  }

  #read({ raw, known }: Job): Found {
    const { rules, runtime } = this.#options
    if (this.isQuery && runtime.now() >= numberOf(raw.headers[header.deadline])) return { refusal: { code: 'EXPIRED', reason: 'Its caller does not wait any more.' } }
    if (known) return decode(raw, known, rules)

    const refusal = inspect(raw, rules.limits)

    return refusal ? { refusal } : { message: rawMessage(raw) }
  }
}

/** Tells those who watch that a run is over. */
export function ended(event: ProcessEvent | undefined, error: unknown): void {
  if (!event) return
  event.error = error
  diagnostics.process.asyncEnd.publish(event)
}

function invoker({ instance, listener, middleware: all, log }: InvocationOptions): (call: ListenCall) => unknown {
  const method = (instance as Record<string | symbol, (message: unknown, delivery: unknown) => unknown>)[listener.method]
  const innermost = (call: ListenCall): unknown => method?.call(instance, call.message, call.items ?? call.delivery)

  return all.reduceRight<(call: ListenCall) => unknown>((inner, { name, middleware }) => {
    if (!middleware.listen) return inner

    return (call) =>
      runAround(
        aroundListener(name, call, log),
        (next) => middleware.listen?.(call, next),
        () => inner(call),
      )
  }, innermost)
}

function aroundListener(outer: string, { delivery, listener, channel, group }: ListenCall, log: Logger): Around {
  const held = scopes.getStore()?.held

  return {
    outer,
    inner: () => `${listener} with the message "${delivery.id}"`,
    isOver: () => held?.isOver === true,
    onLate: ({ code, message }) => log.error(message, { code, id: delivery.id, key: delivery.key, channel, group }),
  }
}
