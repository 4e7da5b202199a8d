import type { Known } from './decode.js'
import { Job } from './job.js'
import { definitionOf } from './message.js'
import { attemptOf } from './retrying.js'
import type { Runner } from './runner.js'
import type { Runtime } from './runtime.js'
import type { RawDelivery } from './transport.js'

/** Who takes messages of a name, and as what: a raw listener takes bytes. */
export interface Taker {
  readonly runner: Runner
  readonly known: Known | undefined
}

/** Finds the listener of each delivery of a group. */
export class Intake {
  readonly #runtime: Runtime
  readonly #byName = new Map<string, Taker>()
  readonly #raw: Taker | undefined

  constructor(runners: readonly Runner[], runtime: Runtime) {
    this.#runtime = runtime
    for (const runner of runners) {
      if (runner.listener.takes === 'raw') continue
      for (const type of runner.listener.takes) {
        const definition = definitionOf(type)
        if (!definition) continue
        const taker: Taker = { runner, known: { type, definition } }
        this.#byName.set(definition.name, taker)
        if (definition.foreignName !== undefined) this.#byName.set(definition.foreignName, taker)
      }
    }
    const raw = runners.find(({ listener }) => listener.takes === 'raw')
    this.#raw = raw && { runner: raw, known: undefined }
  }

  /** Undefined: nobody of the group takes it. */
  jobOf(raw: RawDelivery): Job | undefined {
    const { type, subject } = raw.envelope
    const taker = (typeof type === 'string' ? this.#byName.get(type) : undefined) ?? this.#raw
    if (!taker) return undefined

    const { runner } = taker
    const job = new Job(raw, taker, this.idOf(raw), typeof subject === 'string' ? subject : undefined)
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
