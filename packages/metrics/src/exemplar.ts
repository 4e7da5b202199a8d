/** A trace that a duration is of. */
export interface Exemplar {
  readonly labelSet: { readonly trace_id: string; readonly span_id: string }
  readonly value: number
  /** Seconds since the epoch. */
  readonly timestamp: number
}

/** Only of a trace that is kept: one that was not sampled leads nowhere. */
export function exemplarOf(traceparent: unknown, value: number, nowMs: number): Exemplar | undefined {
  const found = typeof traceparent === 'string' ? /^[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-[0-9a-f][13579bdf]$/.exec(traceparent) : null
  if (!found?.[1] || !found[2]) return undefined

  return { labelSet: { trace_id: found[1], span_id: found[2] }, value, timestamp: nowMs / 1_000 }
}
