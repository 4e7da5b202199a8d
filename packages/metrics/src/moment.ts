let latest = { text: '', ms: Number.NaN }

/** Milliseconds since the epoch of what an envelope says; NaN where it says nothing. Several ask about one message, so the last answer is kept. */
export function momentOf(time: unknown): number {
  if (typeof time !== 'string') return Number.NaN
  if (latest.text !== time) latest = { text: time, ms: Date.parse(time) }

  return latest.ms
}
