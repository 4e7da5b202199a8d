import { contextsOf } from './context.js'
import type { Job } from './job.js'
import { JobScope } from './job-scope.js'
import type { PlannedListener } from './plan.js'
import type { Cause, Contexts, Held, Scope } from './scope.js'

/** The scope of one run of a batch listener. A batch of one is that message's. */
export function batchScope(jobs: readonly Job[], held: Held, listener: PlannedListener): Scope {
  const [first] = jobs as readonly [Job]

  return jobs.length === 1 ? new JobScope(first, held, listener) : new BatchScope(jobs, held, listener)
}

/** Several messages: what they cause has no single cause, and carries only the context that all of them have. */
class BatchScope implements Scope {
  readonly held: Held
  readonly #jobs: readonly Job[]
  readonly #listener: PlannedListener
  #cause: Cause | undefined
  #contexts: Contexts | undefined

  constructor(jobs: readonly Job[], held: Held, listener: PlannedListener) {
    this.held = held
    this.#jobs = jobs
    this.#listener = listener
  }

  get owner(): string {
    return this.#listener.label
  }

  get contexts(): Contexts {
    return (this.#contexts ??= sharedContexts(this.#jobs))
  }

  // The same messages in one batch again give the same ids; another batch, of some of them, gives others.
  get cause(): Cause {
    const { group, serviceName } = this.#listener
    const time = this.#jobs.reduce((latest, { raw }) => Math.max(latest, timeOf(raw.envelope.time)), 0)

    return (this.#cause ??= {
      id: undefined,
      seed: this.#jobs.map(({ id }) => id).join('\n'),
      group,
      serviceName,
      time,
      correlationId: undefined,
      traceparent: undefined,
      tracestate: undefined,
      baggage: undefined,
    })
  }
}

function timeOf(text: unknown): number {
  const time = typeof text === 'string' ? Date.parse(text) : Number.NaN

  return time >= 0 ? time : 0
}

function sharedContexts(jobs: readonly Job[]): Contexts {
  const [first, ...others] = jobs.map(({ raw, runner }) => contextsOf(raw.headers, (name, error) => runner.unfitContext(name, error)))
  const shared = [...(first ?? [])].filter(([name, { text }]) => others.every((other) => other.get(name)?.text === text))

  return new Map(shared)
}
