/** The middle of the values; of an even number the mean of the two in the middle. NaN of none. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b)
  const middle = sorted.length >> 1
  if (sorted.length % 2 === 1) return sorted[middle] as number

  return ((sorted[middle - 1] ?? Number.NaN) + (sorted[middle] ?? Number.NaN)) / 2
}

/** The smallest value that at least `share` of all values do not exceed. NaN of none. */
export function percentile(values: Float64Array, share: number): number {
  const sorted = values.slice().sort()
  const rank = Math.max(1, Math.ceil(share * sorted.length))

  return sorted[rank - 1] ?? Number.NaN
}

export function percentiles(latenciesMs: Float64Array): { readonly p50Ms: number; readonly p99Ms: number } {
  return { p50Ms: percentile(latenciesMs, 0.5), p99Ms: percentile(latenciesMs, 0.99) }
}

export interface Spread {
  readonly median: number
  readonly min: number
  readonly max: number
}

export function spreadOf(values: readonly number[]): Spread {
  return { median: median(values), min: Math.min(...values), max: Math.max(...values) }
}

/** The median of the ratios round by round: what slows the machine for a while slows both sides of a pair. */
export function pairedRatio(values: readonly number[], base: readonly number[]): Spread {
  const pairs = Math.min(values.length, base.length)
  const ratios = Array.from({ length: pairs }, (_, round) => (values[round] as number) / (base[round] as number))

  return spreadOf(ratios)
}
