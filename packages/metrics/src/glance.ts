import type { Health, PluginHost } from '@waybill/core'

const freshMs = 1_000

/** How the app is, looked up once for all metrics that are read together: with a thousand listeners each look costs milliseconds. */
export class Glance {
  readonly #host: PluginHost
  readonly #readers = new Set<string>()
  #at = Number.NEGATIVE_INFINITY
  #health: Health | undefined

  constructor(host: PluginHost) {
    this.#host = host
  }

  /** A metric that is read again gets a new one. */
  health(metric: string): Health {
    const now = this.#host.runtime.elapsed()
    if (!this.#health || this.#readers.has(metric) || now - this.#at > freshMs) {
      this.#readers.clear()
      this.#health = this.#host.health()
      this.#at = now
    }
    this.#readers.add(metric)

    return this.#health
  }
}
