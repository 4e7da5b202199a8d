import type { Due } from './deadlines.js'
import type { ProcessEvent } from './diagnostics.js'
import { WaybillError } from './error.js'
import { JobDelivery, JobManualDelivery, type Job, type ManualWord } from './job.js'
import type { PlannedListener } from './plan.js'
import type { TimedRun } from './run-times.js'
import { Held } from './scope.js'
import type { Unfinished } from './unfinished.js'

/** What a runner hears of its runs while they are under way. */
export interface RunWatch {
  readonly listener: PlannedListener
  /** The app. */
  readonly home: object
  expired(run: Run): void
  /** It was settled by hand when it was over. */
  settledLate(run: Run, word: ManualWord): void
}

/** One try of one job. */
export class Run implements TimedRun {
  readonly job: Job
  readonly held: Held
  readonly delivery: JobDelivery
  isOver = false
  /** For the pace. */
  since = 0
  due: Due<TimedRun> | undefined
  word: ManualWord | undefined
  event: ProcessEvent | undefined
  readonly #watch: RunWatch
  readonly #manual: boolean
  #onWord: (() => void) | undefined

  constructor(job: Job, prefix: string, watch: RunWatch) {
    this.job = job
    this.held = new Held(watch.home)
    this.#watch = watch
    this.#manual = watch.listener.mode === 'manual'
    this.delivery = this.#manual ? new JobManualDelivery(job, prefix, (word) => this.#say(word)) : new JobDelivery(job, prefix)
    if (this.#manual) this.held.mayCommit = () => this.#acked()
  }

  /** A manual listener may return before it decides; then its word ends the run. */
  waitsForWord(onWord: () => void): boolean {
    if (!this.#manual || this.word) return false
    this.#onWord = onWord

    return true
  }

  expire(): void {
    this.#watch.expired(this)
  }

  get unfinished(): Unfinished {
    return { listener: this.#watch.listener.label, ids: [this.job.id] }
  }

  abandon(): void {
    this.close()
    this.delivery.abort(stoppedBefore(this.#watch.listener))
  }

  close(): void {
    this.isOver = true
    this.held.end()
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
    if (this.isOver) return this.#watch.settledLate(this, word)
    this.#onWord?.()
  }
}

export function stoppedBefore({ label }: PlannedListener): WaybillError {
  return new WaybillError('STOPPED', `The app stopped before ${label} had finished.`)
}
