import type { PluginHost } from '@waybill/core'
import type { Alert, ResolvedAlertOptions } from './alert-options.js'

const tries = 5
const timeoutMs = 10_000

/** Brings alerts to whoever wants them. Nothing waits for it: a receiver that hangs or throws keeps nobody. */
export class Messenger {
  readonly #host: PluginHost
  readonly #options: ResolvedAlertOptions

  constructor(host: PluginHost, options: ResolvedAlertOptions) {
    this.#host = host
    this.#options = options
  }

  send(alert: Alert): void {
    const { log } = this.#host
    const { send, webhook } = this.#options
    log[alert.state === 'raised' ? 'warn' : 'info'](alert.text, { rule: alert.rule, state: alert.state, value: alert.value, limit: alert.limit })
    if (send) void this.#call(send, alert)
    if (webhook) void this.#post(webhook, alert, 1)
  }

  async #call(send: NonNullable<ResolvedAlertOptions['send']>, alert: Alert): Promise<void> {
    try {
      await send(alert)
    } catch (error) {
      this.#host.log.warn(`The function that alerts are sent to threw: ${reasonOf(error)}`, { rule: alert.rule })
    }
  }

  async #post(webhook: NonNullable<ResolvedAlertOptions['webhook']>, alert: Alert, attempt: number): Promise<void> {
    const { log, runtime } = this.#host
    const problem = await problemOf(webhook, alert)
    if (problem === undefined) return
    if (attempt >= tries) return log.warn(`An alert did not reach its webhook in ${tries} tries, the last because ${problem}.`, { rule: alert.rule })
    runtime.after(1_000 * 2 ** (attempt - 1), () => void this.#post(webhook, alert, attempt + 1))
  }
}

/** Why it was not taken; undefined where it was. The address is not told: it may hold a secret. */
async function problemOf({ url, headers }: NonNullable<ResolvedAlertOptions['webhook']>, alert: Alert): Promise<string | undefined> {
  try {
    const body = JSON.stringify(alert)
    const response = await fetch(url, { method: 'POST', headers: { 'content-type': 'application/json', ...headers }, body, signal: AbortSignal.timeout(timeoutMs) })
    await response.body?.cancel()

    return response.ok ? undefined : `it answered ${response.status}`
  } catch (error) {
    return reasonOf(error)
  }
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
