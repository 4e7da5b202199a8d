import assert, { AssertionError } from 'node:assert/strict'
import { setTimeout as wait } from 'node:timers/promises'
import { eventually as tryUntil } from '../eventually.js'

/** Resolves as soon as the condition holds. Fails after the deadline, naming what did not come true and what was found instead. */
export async function eventually(
  claim: string,
  condition: () => boolean | Promise<boolean>,
  options: { readonly withinMs: number; readonly found?: () => unknown },
): Promise<void> {
  const check = async (): Promise<void> => {
    assert.ok(await condition(), `${claim}.${options.found ? ` Found: ${JSON.stringify(options.found())}.` : ''}`)
  }
  await tryUntil(check, { within: options.withinMs })
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
