import { setTimeout as delay } from 'node:timers/promises'
import { performance } from 'node:perf_hooks'
import { countOf } from '@waybill/core'

export interface EventuallyOptions {
  /** How long to try, in milliseconds. Default: 5000. */
  readonly within?: number
}

/**
 * Tries again until `condition` neither throws nor answers `false`, and resolves with its answer.
 * For what a test cannot wait for by an event: an assertion, or a question with yes or no.
 * Rejects after the deadline, naming the last reason; the last error is its `cause`.
 */
export async function eventually<T>(condition: () => T | Promise<T>, options: EventuallyOptions = {}): Promise<Exclude<T, false>> {
  const within = options.within ?? 5000
  const deadline = performance.now() + within
  for (let tries = 1; ; tries++) {
    const attempt = await attemptOf(condition)
    if (attempt.isMet) return attempt.answer as Exclude<T, false>
    if (performance.now() >= deadline) throw givenUp(within, tries, attempt.reason)
    await pause(tries)
  }
}

type Attempt<T> = { readonly isMet: true; readonly answer: T } | { readonly isMet: false; readonly reason: unknown }

async function attemptOf<T>(condition: () => T | Promise<T>): Promise<Attempt<T>> {
  try {
    const answer = await condition()

    return answer === false ? { isMet: false, reason: 'the condition answered false' } : { isMet: true, answer }
  } catch (reason) {
    return { isMet: false, reason }
  }
}

/** At first a turn of the event loop, then a few milliseconds: quick where it is quick, cheap where it is slow. */
async function pause(tries: number): Promise<void> {
  if (tries <= 10) return new Promise((resolve) => setImmediate(resolve))
  await delay(Math.min(tries - 10, 20))
}

function givenUp(within: number, tries: number, reason: unknown): Error {
  const last = reason instanceof Error ? reason.message : String(reason)

  return new Error(`The condition was expected to hold within ${within} ms; it did not in ${countOf(tries, 'try', 'tries')}. Last reason: ${last}`, { cause: reason })
}
