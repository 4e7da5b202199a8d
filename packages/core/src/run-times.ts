import { Deadlines, type Expiring } from './deadlines.js'
import type { Runtime } from './runtime.js'

/** A run that the app did not wait for, and the messages that it had. */
export interface Abandoned {
  readonly listener: string
  readonly ids: readonly string[]
}

/** How many of them are named. */
const most = 5

/** `Stock.reserve (o-1, o-2), Mail.send (m-1) and 3 more`. */
export function listOf(abandoned: readonly Abandoned[]): string {
  const shown = abandoned.slice(0, most).map(({ listener, ids }) => `${listener} (${ids.slice(0, most).join(', ')}${ids.length > most ? ` and ${ids.length - most} more` : ''})`)

  return `${shown.join(', ')}${abandoned.length > most ? ` and ${abandoned.length - most} more` : ''}`
}

/** A run of a listener, which is to end within its time. */
export interface TimedRun extends Expiring<TimedRun> {
  /** Its time is up. */
  expire(): void
  /** Nobody waits for it any more. Says what it was. */
  abandon(): Abandoned
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

  /** Tells every run that its time is over; none of them counts any more. Returns what they were. */
  abandon(): readonly Abandoned[] {
    return [...this.#byTimeout.values()].flatMap((times) => times.drain()).map((run) => run.abandon())
  }
}
