import { setImmediate } from 'node:timers/promises'
import type { Health, PluginHost } from '@waybill/core'
import { DurationHistogram } from './duration-histogram.js'
import type { MetricsRegistry } from './options.js'
import type { Readiness } from './readiness.js'
import { SeriesCounter } from './series-counter.js'

const seriesInTurn = 100

export interface Page {
  readonly status: number
  readonly type: string
  /** In pieces, each short enough for one turn. */
  readonly body: readonly string[]
}

/** What is told over HTTP: the metrics, and how the app is. */
export class Pages {
  static readonly unknown: Page = { status: 404, type: 'text/plain', body: ['There are /metrics, /health, /health/live and /health/ready.\n'] }
  readonly #registry: MetricsRegistry
  #host: PluginHost | undefined
  #readiness: Readiness | undefined

  constructor(registry: MetricsRegistry) {
    this.#registry = registry
  }

  show(host: PluginHost, readiness: Readiness): void {
    this.#host = host
    this.#readiness = readiness
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
      return { status: 500, type: 'text/plain', body: [`${error instanceof Error ? error.message : String(error)}\n`] }
    }

    return undefined
  }

  /** Some lines in a turn: all at once would hold up an app with a thousand listeners. The format of OpenMetrics needs names that only the whole has. */
  async #metrics(): Promise<readonly string[]> {
    const registry = this.#registry
    if (registry.contentType.startsWith('application/openmetrics-text')) return [await registry.metrics()]
    const pieces: string[] = []
    for (const metric of registry.getMetricsAsArray()) {
      const isOurs = metric instanceof DurationHistogram || metric instanceof SeriesCounter
      const texts = isOurs && !hasDefaultLabels(registry) ? metric.texts(seriesInTurn) : [await registry.getSingleMetricAsString(metric.name)]
      for (const text of texts) {
        pieces.push(`${text}\n`)
        await setImmediate()
      }
      pieces.push('\n')
    }

    return pieces
  }

  #health(read: (health: Health) => { readonly is: boolean; readonly body: object }): Page {
    if (!this.#host) return json(503, { ready: false, reasons: ['The app is new.'] })
    const health = this.#host.health()
    const reasons = [...health.reasons, ...(this.#readiness?.reasons ?? [])]
    const { is, body } = read({ ...health, ready: reasons.length === 0, reasons })

    return json(is ? 200 : 503, body)
  }
}

/** Labels that the user gave to all metrics: those prom-client alone adds. It does not tell whether there are any, so what cannot be read counts as some. */
function hasDefaultLabels(registry: MetricsRegistry): boolean {
  const labels: unknown = Reflect.get(registry, '_defaultLabels')

  return typeof labels !== 'object' || labels === null || Object.keys(labels).length > 0
}

function json(status: number, body: object): Page {
  return { status, type: 'application/json', body: [JSON.stringify(body)] }
}
