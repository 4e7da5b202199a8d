import { AssertionError } from 'node:assert/strict'
import { setTimeout as wait } from 'node:timers/promises'

/** Resolves as soon as the condition holds. Fails after the deadline, naming what did not come true and what was found instead. */
export async function eventually(claim: string, condition: () => boolean, options: { readonly withinMs: number; readonly found?: () => unknown }): Promise<void> {
  const end = performance.now() + options.withinMs
  while (!condition()) {
    if (performance.now() > end) throw new AssertionError({ message: `Expected within ${options.withinMs} ms: ${claim}.${foundBy(options.found)}` })
    await wait(2)
  }
}

/** The result of the work, or a failure that names what did not end. */
export async function within<T>(what: string, withinMs: number, work: Promise<T>): Promise<T> {
  const stop = new AbortController()
  const late = wait(withinMs, undefined, { signal: stop.signal }).then(() => {
    throw new AssertionError({ message: `Expected within ${withinMs} ms: ${what}.` })
  })
  try {
    return await Promise.race([work, late])
  } finally {
    stop.abort()
    late.catch(() => undefined)
  }
}

function foundBy(found: (() => unknown) | undefined): string {
  return found ? ` Found: ${JSON.stringify(found())}.` : ''
}
