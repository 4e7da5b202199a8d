import { Histogram } from 'prom-client'
import { Durations } from './durations.js'
import { exemplarOf, type Exemplar } from './exemplar.js'
import type { Label, Values } from './labels.js'
import type { Description } from './meters.js'
import type { MetricsRegistry } from './options.js'

/** What prom-client writes a line of, or tells as JSON. */
interface Sample {
  readonly metricName: string
  readonly labels: { readonly le?: number | '+Inf' }
  readonly sharedLabels: Values
  readonly value: number
  readonly exemplar: Exemplar | null
}

export interface DurationHistogramOptions {
  readonly description: Description
  readonly buckets: readonly number[]
  readonly registry: MetricsRegistry
  /** Keeps the trace of a duration. */
  readonly hasExemplars: boolean
  /** Milliseconds since the epoch. */
  readonly now: () => number
}

/**
 * A histogram of prom-client that counts in series of its own. The one it has looks every duration up by all of its labels, and needs
 * 40 ms at a stretch to write a thousand listeners. It is registered, read, reset and summed over a cluster as any other.
 */
export class DurationHistogram extends Histogram<Label> {
  readonly #options: DurationHistogramOptions
  readonly #series: Durations[] = []

  constructor(options: DurationHistogramOptions) {
    const { name, help, labels } = options.description
    super({ name, help, labelNames: [...labels], buckets: [...options.buckets], registers: [options.registry] })
    this.#options = options
  }

  /** A new series: whoever measures asks for it once and keeps it. */
  series(values: Values): Durations {
    const made = new Durations(values, this.#options.buckets)
    this.#series.push(made)

    return made
  }

  /** `traceparent` is shown with the duration where the registry can. */
  add(series: Durations, seconds: number, traceparent?: unknown): void {
    const { hasExemplars, now } = this.#options
    series.add(seconds, hasExemplars ? exemplarOf(traceparent, seconds, now()) : undefined)
  }

  /** prom-client reads a metric by this name, whatever it then does with it. */
  async getForPromString(): Promise<{ name: string; help: string; type: 'histogram'; aggregator: 'sum'; values: readonly Sample[] }> {
    const { name, help } = this.#options.description

    return { name, help, type: 'histogram', aggregator: 'sum', values: this.#series.flatMap((series) => samplesOf(name, series)) }
  }

  /** The text of Prometheus, so many series in a piece. */
  *texts(seriesInPiece: number): Generator<string> {
    const { name, help } = this.#options.description
    yield `# HELP ${name} ${help}\n# TYPE ${name} histogram`
    for (let from = 0; from < this.#series.length; from += seriesInPiece)
      yield this.#series
        .slice(from, from + seriesInPiece)
        .map((series) => series.text(name))
        .join('\n')
  }

  override reset(): void {
    // prom-client resets while it constructs, when there are no series yet.
    if (!(#series in this)) return
    for (const series of this.#series) series.reset()
  }
}

function samplesOf(name: string, series: Durations): readonly Sample[] {
  const { values: sharedLabels, sum } = series
  const samples: Sample[] = []
  let all = 0
  series.buckets((end, count, exemplar) => {
    all = count
    samples.push({ metricName: `${name}_bucket`, labels: { le: Number.isFinite(end) ? end : '+Inf' }, sharedLabels, value: count, exemplar: exemplar ?? null })
  })
  for (const [part, value] of [
    ['sum', sum],
    ['count', all],
  ] as const)
    samples.push({ metricName: `${name}_${part}`, labels: {}, sharedLabels, value, exemplar: null })

  return samples
}
