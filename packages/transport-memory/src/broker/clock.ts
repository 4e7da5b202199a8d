import type { Runtime } from '@waybill/core'
import { Timetable } from './timetable.js'
import { Turn } from './turn.js'

/** The broker's time, by whatever runtime it is told to use. */
export class Clock {
  readonly turn = new Turn()
  readonly timetable = new Timetable()
  #runtime: Runtime | undefined

  get runs(): boolean {
    return this.#runtime !== undefined
  }

  use(runtime: Runtime): void {
    this.#runtime = runtime
    this.turn.use(runtime)
    this.timetable.use(runtime)
  }

  /** Milliseconds since the epoch. */
  now(): number {
    return this.#runtime?.now() ?? 0
  }
}
