import { setImmediate } from 'node:timers/promises'
import type { Health, PluginHost } from '@waybill/core'
import type { MetricsRegistry } from './options.js'

export interface Page {
  readonly status: number
  readonly type: string
  readonly body: string
}

/** What is told over HTTP: the metrics, and how the app is. */
export class Pages {
  static readonly unknown: Page = { status: 404, type: 'text/plain', body: 'There are /metrics, /health, /health/live and /health/ready.\n' }
  readonly #registry: MetricsRegistry
  #host: PluginHost | undefined

  constructor(registry: MetricsRegistry) {
    this.#registry = registry
  }

  show(host: PluginHost): void {
    this.#host = host
  }

  /** Undefined for a path that is none of ours. Resolves always. */
  async answer(url: string): Promise<Page | undefined> {
    try {
      const { pathname } = new URL(url, 'http://app')
      if (pathname === '/metrics') return { status: 200, type: this.#registry.contentType, body: await this.#metrics() }
      if (pathname === '/health') return this.#health((health) => ({ is: health.ready, body: health }))
      if (pathname === '/health/ready') return this.#health(({ ready, reasons }) => ({ is: ready, body: { ready, reasons } }))
      // A process that can answer lives: a broker that is away is no reason to end it.
      if (pathname === '/health/live') return json(200, { live: true })
    } catch (error) {
      return { status: 500, type: 'text/plain', body: `${error instanceof Error ? error.message : String(error)}\n` }
    }

    return undefined
  }

  /** One metric in a turn: all at once would hold up an app with a thousand listeners. The format of OpenMetrics needs names that only the whole has. */
  async #metrics(): Promise<string> {
    const registry = this.#registry
    if (registry.contentType.startsWith('application/openmetrics-text')) return registry.metrics()
    const parts: string[] = []
    for (const { name } of registry.getMetricsAsArray()) {
      parts.push(await registry.getSingleMetricAsString(name))
      await setImmediate()
    }

    return `${parts.join('\n\n')}\n`
  }

  #health(read: (health: Health) => { readonly is: boolean; readonly body: object }): Page {
    if (!this.#host) return json(503, { ready: false, reasons: ['The app is new.'] })
    const { is, body } = read(this.#host.health())

    return json(is ? 200 : 503, body)
  }
}

function json(status: number, body: object): Page {
  return { status, type: 'application/json', body: JSON.stringify(body) }
}
