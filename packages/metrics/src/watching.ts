import { channel } from 'node:diagnostics_channel'
import type { ConnectionEvent, DeadLetterEvent, Logger, ProcessEvent, PublishEvent, RetryEvent, SkipEvent } from '@waybill/core'

/** What core tells, by the name of its channel. */
interface Told {
  'tracing:waybill:publish:asyncEnd': PublishEvent
  'tracing:waybill:process:asyncEnd': ProcessEvent
  'waybill:retry': RetryEvent
  'waybill:dead-letter': DeadLetterEvent
  'waybill:skip': SkipEvent
  'waybill:connection': ConnectionEvent
}

/** Hears what core tells of one app. What a listener of ours throws is logged once and ends there: a subscriber that throws would end the process. */
export class Watching {
  readonly #app: string
  readonly #log: Logger
  readonly #ends: (() => void)[] = []
  #isTold = false

  constructor(app: string, log: Logger) {
    this.#app = app
    this.#log = log
  }

  on<N extends keyof Told>(name: N, listener: (event: Told[N]) => void): void {
    const source = channel(name)
    const guarded = (said: unknown): void => {
      const event = said as Told[N]
      if (event.app === this.#app) this.safely(() => listener(event))
    }
    source.subscribe(guarded)
    this.#ends.push(() => void source.unsubscribe(guarded))
  }

  safely(work: () => void): void {
    try {
      work()
    } catch (error) {
      if (!this.#isTold) this.#log.warn(`Something could not be counted, and messages go on: ${error instanceof Error ? error.message : String(error)}`)
      this.#isTold = true
    }
  }

  stop(): void {
    for (const end of this.#ends.splice(0)) end()
  }
}
