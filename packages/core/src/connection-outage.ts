import type { Logger } from './logger.js'
import { Outage } from './outage.js'
import type { Runtime } from './runtime.js'
import type { ConnectionState } from './transport.js'
import { sentence } from './sentence.js'

/**
 * What the log says while connections of one transport or store are away: a line when the first is lost, further ones at growing distances, and one
 * when all are back. For adapters that connect by themselves.
 */
export class ConnectionOutage {
  readonly #name: string
  readonly #log: Logger
  readonly #outage: Outage
  readonly #away = new Set<string>()

  constructor(name: string, host: { readonly runtime: Runtime; readonly log: Logger }) {
    this.#name = name
    this.#log = host.log
    this.#outage = new Outage(host, (lasting) => `${name}: connected again${lasting}`)
  }

  /** `everStood`: the app has started on it. */
  lost({ purpose, reason }: ConnectionState, everStood: boolean): void {
    this.#away.add(purpose)
    this.#outage.failed((lasting) => this.#sentenceOf({ purpose, reason, lasting, everStood }), everStood ? { reason } : undefined)
  }

  back({ purpose }: ConnectionState): void {
    if (!this.#away.delete(purpose)) return
    if (this.#away.size > 0) return this.#log.debug(`${this.#name}: ${purpose} connected`)
    this.#outage.worked()
  }

  /** It was given up, or is not wanted any more. */
  over({ purpose }: ConnectionState): void {
    if (this.#away.delete(purpose) && this.#away.size === 0) this.#outage.over()
  }

  #sentenceOf({ purpose, reason, lasting, everStood }: Loss): string {
    if (!everStood) return `${this.#name} cannot be reached${lasting === '' ? ' yet' : lasting} and is tried on: ${sentence(String(reason))} Is its address right, and does it run?`

    return lasting === '' ? `${this.#name}: ${purpose} lost` : `${this.#name}: ${[...this.#away].join(' and ')} still lost${lasting}`
  }
}

interface Loss extends Pick<ConnectionState, 'purpose' | 'reason'> {
  readonly lasting: string
  readonly everStood: boolean
}
