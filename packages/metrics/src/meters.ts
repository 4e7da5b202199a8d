import { Gauge } from 'prom-client'
import { DurationHistogram } from './duration-histogram.js'
import type { Label } from './labels.js'
import type { MetricsRegistry } from './options.js'
import { SeriesCounter } from './series-counter.js'

/** What a metric is called, what it tells, and by what it is told apart. */
export interface Description {
  readonly name: string
  readonly help: string
  readonly labels: readonly Label[]
}

/** Makes metrics on one registry. */
export class Meters {
  readonly registry: MetricsRegistry
  /** Durations carry trace ids: prom-client throws for that on a registry of another format. */
  readonly hasExemplars: boolean
  readonly #now: () => number

  constructor(registry: MetricsRegistry, now: () => number) {
    this.registry = registry
    this.#now = now
    this.hasExemplars = registry.contentType.startsWith('application/openmetrics-text')
  }

  counter(description: Description): SeriesCounter {
    return new SeriesCounter(description, this.registry)
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

  histogram(description: Description, buckets: readonly number[]): DurationHistogram {
    return new DurationHistogram({ description, buckets, registry: this.registry, hasExemplars: this.hasExemplars, now: this.#now })
  }
}
