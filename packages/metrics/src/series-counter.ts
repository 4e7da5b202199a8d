import { Counter } from 'prom-client'
import { type Label, textOf, type Values } from './labels.js'
import type { Description } from './meters.js'
import type { MetricsRegistry } from './options.js'

/**
 * A counter of prom-client that counts in series of its own, each of which is there from 0 on: one that appears with its first failures
 * hides them from every rate. The one that prom-client has looks each count up by all of its labels, and writes a thousand listeners at a stretch.
 */
export class SeriesCounter extends Counter<Label> {
  declare readonly name: string
  readonly #help: string
  readonly #series = new Map<string, Count>()

  constructor({ name, help, labels }: Description, registry: MetricsRegistry) {
    super({ name, help, labelNames: [...labels], registers: [registry] })
    this.#help = help
  }

  /** That of these values, at 0 where it is new. Whoever counts often asks for it once and keeps it. */
  series(values: Values): Count {
    const labels = textOf(values)
    const known = this.#series.get(labels) ?? new Count(values, labels)
    this.#series.set(labels, known)

    return known
  }

  override async get(): ReturnType<Counter<Label>['get']> {
    return { ...(await super.get()), values: [...this.#series.values()].map(({ values, count }) => ({ labels: values, value: count })) }
  }

  /** The text of Prometheus, so many series in a piece. */
  *texts(seriesInPiece: number): Generator<string> {
    yield `# HELP ${this.name} ${this.#help}\n# TYPE ${this.name} counter`
    let lines: string[] = []
    for (const { labels, count } of this.#series.values()) {
      lines.push(`${this.name}{${labels}} ${count}`)
      if (lines.length < seriesInPiece) continue
      yield lines.join('\n')
      lines = []
    }
    if (lines.length > 0) yield lines.join('\n')
  }

  override reset(): void {
    super.reset()
    // prom-client resets while it constructs, when there are no series yet.
    if (!(#series in this)) return
    for (const series of this.#series.values()) series.count = 0
  }
}

/** How often something of one series happened. */
export class Count {
  readonly values: Values
  readonly labels: string
  count = 0

  constructor(values: Values, labels: string) {
    this.values = values
    this.labels = labels
  }
}
