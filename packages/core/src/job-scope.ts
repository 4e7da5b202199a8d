import { contextsOf } from './context.js'
import { textUpTo, traceparentOf } from './dead-letter.js'
import type { Job } from './job.js'
import { loggedFields } from './logged.js'
import type { PlannedListener } from './plan.js'
import type { Cause, Contexts, Held, Scope } from './scope.js'

/** The scope of one run of a listener. What it knows of its cause is read when something is published. */
export class JobScope implements Scope {
  readonly held: Held
  readonly #job: Job
  readonly #listener: PlannedListener
  #cause: Cause | undefined
  #contexts: Contexts | undefined

  constructor(job: Job, held: Held, listener: PlannedListener) {
    this.held = held
    this.#job = job
    this.#listener = listener
  }

  /** The delivery that this run is of. */
  get job(): Job {
    return this.#job
  }

  get owner(): string {
    return this.#listener.label
  }

  get contexts(): Contexts {
    return (this.#contexts ??= contextsOf(this.#job.raw.headers, (name, error) => this.#job.runner.unfitContext(name, error)))
  }

  get cause(): Cause {
    return (this.#cause ??= causeOf(this.#job, this.#listener))
  }
}

function causeOf(job: Job, { group, serviceName }: PlannedListener): Cause {
  const {
    id,
    raw: { envelope },
  } = job
  const time = typeof envelope.time === 'string' ? Date.parse(envelope.time) : Number.NaN

  return {
    id,
    seed: id,
    group,
    serviceName,
    time: time >= 0 ? time : 0,
    correlationId: textUpTo(envelope.correlationId, 255) ?? id,
    traceparent: traceparentOf(envelope.traceparent),
    tracestate: textUpTo(envelope.tracestate, 512),
    baggage: textUpTo(envelope.baggage, 8_192),
    logged: job.known?.definition.logged && loggedFields(job),
  }
}
