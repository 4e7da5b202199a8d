export type Duration = `${number}${'ms' | 's' | 'm' | 'h' | 'd'}`

const milliseconds: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 }

/** Milliseconds of `250ms`, `10s`, `1.5h`; undefined for anything else. */
export function parseDuration(text: unknown): number | undefined {
  const found = typeof text === 'string' ? /^(\d+(?:\.\d+)?)(ms|s|m|h|d)$/.exec(text) : null
  if (!found) return undefined

  return Number(found[1]) * (milliseconds[found[2] ?? ''] ?? 1)
}
