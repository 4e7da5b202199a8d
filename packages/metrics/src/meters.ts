import { Counter, Gauge, Histogram } from 'prom-client'
import { label } from './labels.js'
import type { MetricsRegistry } from './options.js'

type Label = (typeof label)[keyof typeof label]

/** What a metric is called, what it tells, and by what it is told apart. */
export interface Description {
  readonly name: string
  readonly help: string
  readonly labels: readonly Label[]
}

export type Values = Partial<Record<Label, string>>

/** Makes metrics on one registry. */
export class Meters {
  readonly registry: MetricsRegistry
  /** Durations carry trace ids: prom-client throws for that on a registry of another format. */
  readonly hasExemplars: boolean

  constructor(registry: MetricsRegistry) {
    this.registry = registry
    this.hasExemplars = registry.contentType.startsWith('application/openmetrics-text')
  }

  counter({ name, help, labels }: Description): Counter<Label> {
    return new Counter({ name, help, labelNames: [...labels], registers: [this.registry] })
  }

  /** A counter of what is counted elsewhere, read each time somebody looks. */
  tally({ name, help, labels }: Description, read: (add: (values: Values, count: number) => void) => void): void {
    new Counter<Label>({
      name,
      help,
      labelNames: [...labels],
      registers: [this.registry],
      collect() {
        this.reset()
        read((values, count) => this.inc(values, count))
      },
    })
  }

  /** Set anew each time somebody looks. */
  gauge({ name, help, labels }: Description, read: (gauge: Gauge<Label>) => void): Gauge<Label> {
    return new Gauge({
      name,
      help,
      labelNames: [...labels],
      registers: [this.registry],
      collect() {
        this.reset()
        read(this)
      },
    })
  }

  histogram({ name, help, labels }: Description, buckets: readonly number[]): Durations {
    const histogram = new Histogram<Label>({ name, help, labelNames: [...labels], buckets: [...buckets], registers: [this.registry], enableExemplars: this.hasExemplars })
    if (!this.hasExemplars) return (values, seconds) => histogram.observe(values, seconds)

    return (values, seconds, traceparent) => histogram.observe({ labels: values, value: seconds, ...exemplarOf(traceparent) })
  }
}

export type Durations = (values: Values, seconds: number, traceparent?: unknown) => void

/** Only of a trace that is kept: one that was not sampled leads nowhere. */
function exemplarOf(traceparent: unknown): { exemplarLabels?: Record<string, string> } {
  const found = typeof traceparent === 'string' ? /^[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-[0-9a-f][13579bdf]$/.exec(traceparent) : null
  if (!found?.[1] || !found[2]) return {}

  return { exemplarLabels: { trace_id: found[1], span_id: found[2] } }
}
