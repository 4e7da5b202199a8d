import type { Logger } from './logger.js'
import { ConnectionOutage } from './connection-outage.js'
import type { Runtime } from './runtime.js'

const purpose = 'connection'

/** What the log says while listeners cannot use the store: told once for all of them, at growing distances, not for each message. */
export class StoreOutage {
  readonly #outage: ConnectionOutage
  readonly #failing = new Set<string>()

  constructor(store: string, host: { readonly runtime: Runtime; readonly log: Logger }) {
    this.#outage = new ConnectionOutage(`The store "${store}"`, host)
  }

  failed(listener: string, reason: string): void {
    this.#failing.add(listener)
    this.#outage.lost({ purpose, kind: 'lost', reason }, true)
  }

  /** Of those that failed one has succeeded: others may not use the store at all, and prove nothing. */
  worked(listener: string): void {
    if (this.#failing.size === 0 || !this.#failing.has(listener)) return
    this.#failing.clear()
    this.#outage.back({ purpose, kind: 'connected', reason: undefined })
  }
}
