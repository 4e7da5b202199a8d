import { Deadlines, type Expiring } from './deadlines.js'
import type { Runtime } from './runtime.js'
import type { Unfinished } from './unfinished.js'

/** A run of a listener, which is to end within its time. */
export interface TimedRun extends Expiring<TimedRun> {
  /** Its time is up. */
  expire(): void
  /** Nobody waits for it any more. */
  abandon(): void
  readonly unfinished: Unfinished
}

/** The runs that are under way in a group. One chain and one timer serve all listeners with the same time-out: a thousand of them cost no more than one. */
export class RunTimes {
  readonly #runtime: Runtime
  readonly #byTimeout = new Map<number, Deadlines<TimedRun>>()

  constructor(runtime: Runtime) {
    this.#runtime = runtime
  }

  within(timeoutMs: number): Deadlines<TimedRun> {
    let times = this.#byTimeout.get(timeoutMs)
    if (!times) {
      times = new Deadlines(this.#runtime, timeoutMs, (run) => run.expire())
      this.#byTimeout.set(timeoutMs, times)
    }

    return times
  }

  unfinished(): readonly Unfinished[] {
    return [...this.#byTimeout.values()].flatMap((times) => times.items()).map((run) => run.unfinished)
  }

  /** Tells every run that its time is over; none of them counts any more. Returns what they were. */
  abandon(): readonly Unfinished[] {
    const unfinished = this.unfinished()
    for (const run of [...this.#byTimeout.values()].flatMap((times) => times.drain())) run.abandon()

    return unfinished
  }
}
