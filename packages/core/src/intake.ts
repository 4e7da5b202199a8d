import { Job } from './job.js'
import { definitionOf } from './message.js'
import { attemptOf } from './retrying.js'
import type { Runner } from './runner.js'
import type { Runtime } from './runtime.js'
import type { RawDelivery } from './transport.js'

/** Finds the listener of each delivery of a group. */
export class Intake {
  readonly #runtime: Runtime
  readonly #byType = new Map<string, Runner>()
  readonly #raw: Runner | undefined

  constructor(runners: readonly Runner[], runtime: Runtime) {
    this.#runtime = runtime
    for (const runner of runners) {
      if (runner.listener.takes === 'raw') continue
      for (const type of runner.listener.takes) {
        const definition = definitionOf(type)
        if (definition) this.#byType.set(definition.name, runner)
        if (definition?.foreignName !== undefined) this.#byType.set(definition.foreignName, runner)
      }
    }
    this.#raw = runners.find(({ listener }) => listener.takes === 'raw')
  }

  /** Undefined: nobody of the group takes it. */
  jobOf(raw: RawDelivery): Job | undefined {
    const { type, subject } = raw.envelope
    const runner = (typeof type === 'string' ? this.#byType.get(type) : undefined) ?? this.#raw
    if (!runner) return undefined

    const job = new Job(raw, runner, this.idOf(raw), typeof subject === 'string' ? subject : undefined)
    if (raw.toGroup) job.attempt = attemptOf(raw, runner.listener.options.retry.attempts)
    if (runner.listener.mode === 'batch') job.since = this.#runtime.elapsed()

    return job
  }

  idOf(raw: RawDelivery): string {
    const { id } = raw.envelope

    // A stranger's message without an id gets one for this delivery: two alike may both be meant.
    return typeof id === 'string' && id.length > 0 && id.length <= 255 ? id : this.#runtime.id()
  }
}
