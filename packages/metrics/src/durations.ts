import type { Exemplar } from './exemplar.js'
import { textOf, type Values } from './labels.js'

/** How long things of one series took. Whoever measures keeps it, so that a duration costs no look-up. */
export class Durations {
  readonly values: Values
  readonly #ends: readonly number[]
  readonly #counts: number[]
  readonly #exemplars: (Exemplar | undefined)[] = []
  readonly #labels: string
  #sum = 0

  constructor(values: Values, ends: readonly number[]) {
    this.values = values
    this.#ends = ends
    this.#counts = new Array<number>(ends.length + 1).fill(0)
    this.#labels = textOf(values)
  }

  get sum(): number {
    return this.#sum
  }

  add(seconds: number, exemplar?: Exemplar): void {
    let bucket = 0
    while (bucket < this.#ends.length && seconds > (this.#ends[bucket] ?? 0)) bucket++
    this.#counts[bucket] = (this.#counts[bucket] ?? 0) + 1
    this.#sum += seconds
    if (exemplar) this.#exemplars[bucket] = exemplar
  }

  /** How many took at most so long, from the shortest to the longest; the last one's end is infinite. */
  buckets(each: (end: number, count: number, exemplar: Exemplar | undefined) => void): void {
    let count = 0
    for (const [bucket, own] of this.#counts.entries()) {
      count += own
      each(this.#ends[bucket] ?? Number.POSITIVE_INFINITY, count, this.#exemplars[bucket])
    }
  }

  /** Its lines in the format of Prometheus. */
  text(name: string): string {
    let lines = ''
    let all = 0
    this.buckets((end, count) => {
      all = count
      lines += `${name}_bucket{le="${end === Number.POSITIVE_INFINITY ? '+Inf' : end}",${this.#labels}} ${count}\n`
    })

    return `${lines}${name}_sum{${this.#labels}} ${this.#sum}\n${name}_count{${this.#labels}} ${all}`
  }

  reset(): void {
    this.#counts.fill(0)
    this.#exemplars.length = 0
    this.#sum = 0
  }
}
