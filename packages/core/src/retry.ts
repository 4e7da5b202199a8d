import { boundOf } from './backoff.js'
import { DeadLetter, Ignore, Retry } from './decision.js'
import { parseDuration } from './duration.js'
import { longestMs } from './option.js'
import type { ResolvedRetry } from './plan.js'
import type { Runtime } from './runtime.js'
import { WaybillError } from './error.js'

/** What becomes of a delivery whose listener threw. */
export type Verdict = { readonly kind: 'ignore'; readonly reason: string } | { readonly kind: 'retry'; readonly afterMs: number } | { readonly kind: 'dead'; readonly code: string }

/** Mistakes in the code: another try would only repeat them. */
const hopeless: ReadonlySet<string> = new Set(['INVALID_MESSAGE', 'NEXT_TWICE', 'UNDECLARED_RETURN'])

/** Decides by what was thrown and by how often it was tried. Always bounded. */
export function judge(error: unknown, attempt: number, retry: ResolvedRetry, runtime: Runtime): Verdict {
  if (error instanceof Ignore) return { kind: 'ignore', reason: error.message }
  if (error instanceof DeadLetter) return { kind: 'dead', code: 'DEAD_LETTER' }
  if (error instanceof WaybillError && hopeless.has(error.code)) return { kind: 'dead', code: error.code }
  if (retry.unless.some((type) => error instanceof type)) return { kind: 'dead', code: 'UNLESS' }
  if (attempt >= retry.attempts) return { kind: 'dead', code: error instanceof WaybillError && error.code === 'LISTENER_TIMEOUT' ? error.code : 'FAILED' }
  if (error instanceof Retry) return { kind: 'retry', afterMs: Math.min(parseDuration(error.after) ?? 0, longestMs) }

  const wait = retry.waitsMs[Math.min(attempt, retry.waitsMs.length) - 1] ?? 0

  return { kind: 'retry', afterMs: retry.jitter && wait < 5_000 ? Math.round(wait * (1 - runtime.random() / 2)) : wait }
}

/** How many tries there are at most where nobody waits as long as `patienceMs` for the next. */
export function quickTries({ attempts, waitsMs }: ResolvedRetry, patienceMs: number): number {
  const firstLong = waitsMs.findIndex((ms) => ms >= patienceMs)

  return firstLong === -1 ? attempts : Math.min(attempts, firstLong + 1)
}

/** The wait before try `attempt` of something that is tried for ever: doubling, with full jitter. */
export function backOff(attempt: number, runtime: Runtime, leastMs = 100, mostMs = 30_000): number {
  return Math.max(leastMs, Math.round(runtime.random() * boundOf(attempt, leastMs, mostMs)))
}
