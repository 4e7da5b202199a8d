import { loggedOf } from './dead-letter.js'
import { hear, type Observed } from './hearing.js'
import type { Logger } from './logger.js'
import type { Observer } from './observe.js'

/**
 * What `observe` tells, of one app alone, for a plugin. What a listener throws is logged once and ends there:
 * a bare subscriber of `node:diagnostics_channel` that throws would end the process.
 */
export class Observing {
  readonly #app: string
  readonly #log: Logger
  readonly #ends: (() => void)[] = []
  #isTold = false

  constructor({ app, log }: { readonly app: string; readonly log: Logger }) {
    this.#app = app
    this.#log = log
  }

  /** Calls the listener, within the turn in which it happens, until `stop`. */
  on<N extends keyof Observer>(name: N, listener: (event: Observed<N>) => void): void {
    this.#ends.push(
      hear(
        name,
        (event) => {
          if (event.app === this.#app) listener(event)
        },
        (error) => this.#failed(error),
      ),
    )
  }

  /** Does it; what it throws is logged, the first time. */
  safely(work: () => void): void {
    try {
      work()
    } catch (error) {
      this.#failed(error)
    }
  }

  /** Hears nothing more. */
  stop(): void {
    for (const end of this.#ends.splice(0)) end()
  }

  #failed(error: unknown): void {
    if (!this.#isTold) this.#log.warn(`Something that happened could not be recorded, and messages go on: ${loggedOf(error)}`)
    this.#isTold = true
  }
}
