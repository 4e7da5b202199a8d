import { countOf } from './count-of.js'
import { type Complain, unknownOptions } from './fault.js'
import { describeFound, isRecord } from './found.js'
import { durationOf, faultOfDuration, numberOption } from './option.js'
import type { ResolvedRetry } from './plan.js'

/** Two quick tries between 50 ms and 1 s, then three that the broker delays. */
const defaultWaitsMs = [100, 1_000, 5_000, 30_000, 120_000]
const maxAttempts = 1_000

/** How often and when a listener is tried again; everything that is wrong goes to `fault`. */
export function resolveRetry(given: unknown, fault: Complain): ResolvedRetry {
  if (given === false) return { attempts: 1, waitsMs: [], jitter: false, unless: [] }
  if (given !== undefined && !isRecord(given)) fault('RETRY', `\`retry\` is false or an object such as { attempts: 5, backoff: '200ms..30s' }; found ${describeFound(given)}.`)
  const options = isRecord(given) ? given : {}
  for (const { code, message } of unknownOptions('`retry`', options, ['attempts', 'backoff', 'unless'])) fault(code, message)
  const backoff = resolveBackoff(options.backoff, fault)
  const attempts = numberOption(options, 'attempts', fault, {
    of: 'retry',
    min: 1,
    max: maxAttempts,
    otherwise: backoff.jitter ? defaultWaitsMs.length + 1 : backoff.waitsMs.length + 1,
  })
  if (!backoff.jitter) checkWaits(backoff.waitsMs.length, attempts, fault)

  return { ...backoff, attempts, unless: resolveUnless(options.unless, fault) }
}

/** A list that is too short goes on with its last wait; of one that is too long somebody expects more tries. */
function checkWaits(waits: number, attempts: number, fault: Complain): void {
  if (waits < attempts) return
  fault(
    'BACKOFF',
    `\`retry.backoff\` lists ${countOf(waits, 'wait')}, and between ${countOf(attempts, 'try', 'tries')} there are ${attempts - 1}: \`attempts\` counts every try, the first one too. ` +
      `Leave \`attempts\` out for ${waits + 1}, or list fewer waits.`,
  )
}

type Backoff = Pick<ResolvedRetry, 'waitsMs' | 'jitter'>

function resolveBackoff(given: unknown, fault: Complain): Backoff {
  if (Array.isArray(given) && given.length > 0) return { waitsMs: given.map((wait, i) => waitOf(wait, `retry.backoff[${i}]`, fault)), jitter: false }
  const range = typeof given === 'string' ? given.split('..') : []
  if (range.length === 2) return { waitsMs: doubling(waitOf(range[0], 'retry.backoff', fault), waitOf(range[1], 'retry.backoff', fault), fault), jitter: true }
  if (given !== undefined)
    fault(
      'BACKOFF',
      `\`retry.backoff\` is a range of durations, "200ms..30s", or a list of waits, ["1s", "10s"]; found ${Array.isArray(given) ? 'an empty list' : describeFound(given)}.`,
    )

  return { waitsMs: defaultWaitsMs, jitter: true }
}

function waitOf(given: unknown, option: string, fault: Complain): number {
  const ms = durationOf(given)
  if (ms !== undefined) return ms
  fault('DURATION', faultOfDuration(option, given))

  return 1_000
}

function doubling(first: number, last: number, fault: Complain): readonly number[] {
  if (first > last) fault('BACKOFF', `\`retry.backoff\` goes from the shortest wait to the longest; found ${first} ms to ${last} ms. Swap them.`)
  const waits = []
  for (let wait = first; wait < last; wait *= 2) waits.push(wait)

  return [...waits, last]
}

function resolveUnless(given: unknown, fault: Complain): ResolvedRetry['unless'] {
  if (given === undefined) return []
  const wrong = Array.isArray(given) ? given.find((type) => !isErrorClass(type)) : given
  if (Array.isArray(given) && wrong === undefined && !given.includes(undefined)) return given as ResolvedRetry['unless']
  fault('UNLESS', `\`retry.unless\` is a list of error classes; found ${describeFound(wrong)}${Array.isArray(given) ? ' in it' : ''}. Write unless: [RangeError].`)

  return []
}

function isErrorClass(value: unknown): boolean {
  return typeof value === 'function' && (value === Error || value.prototype instanceof Error)
}
