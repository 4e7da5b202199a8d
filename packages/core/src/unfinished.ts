import { countOf } from './count-of.js'
import type { Logger } from './logger.js'
import type { Runtime } from './runtime.js'

/** A listener that has begun and not finished, and the messages that it has. */
export interface Unfinished {
  readonly listener: string
  readonly ids: readonly string[]
}

/** Whose listeners are to finish. */
interface Finishing {
  unfinished(): readonly Unfinished[]
  /** Resolves with what was given up after that time. */
  stop(deadlineMs: number): Promise<readonly Unfinished[]>
}

/** When it is first told who is waited for; then at growing distances. */
const firstMs = 5_000
/** How many of them are named. */
const most = 5

/** Lets what has begun finish within the time, and tells in the log who is waited for, and who was given up. */
export async function finish(all: readonly Finishing[], deadlineMs: number, { log, runtime }: { readonly log: Logger; readonly runtime: Runtime }): Promise<void> {
  const began = runtime.elapsed()
  let cancel = (): void => undefined
  const tellAfter = (ms: number): void => {
    cancel = runtime.after(ms, () => {
      const waitedFor = all.flatMap((one) => one.unfinished())
      if (waitedFor.length > 0)
        log.info(`Still running after ${secondsOf(runtime.elapsed() - began)} of at most ${secondsOf(deadlineMs)}: ${listOf(waitedFor, (ids) => countOf(ids.length, 'message'))}`)
      tellAfter(2 * ms)
    })
  }
  tellAfter(firstMs)
  const abandoned = (await Promise.all(all.map((one) => one.stop(deadlineMs)))).flat()
  cancel()
  if (abandoned.length === 0) return
  const count = new Set(abandoned.map(({ listener }) => listener)).size
  log.warn(`${countOf(count, 'listener')} did not finish within ${deadlineMs} ms; the messages return to the broker: ${listOf(abandoned, firstOf)}.`)
}

/** For people: `25 s`, `0.5 s`. */
export function secondsOf(ms: number): string {
  return `${Math.round(ms / 100) / 10} s`
}

/** `Stock.reserve (o-1, o-2), Mail.send (m-1) and 3 more`. */
function listOf(unfinished: readonly Unfinished[], describe: (ids: readonly string[]) => string): string {
  const byListener = new Map<string, string[]>()
  for (const { listener, ids } of unfinished) {
    const known = byListener.get(listener)
    if (known) known.push(...ids)
    else byListener.set(listener, [...ids])
  }

  return firstOf([...byListener].map(([listener, ids]) => `${listener} (${describe(ids)})`))
}

function firstOf(names: readonly string[]): string {
  return `${names.slice(0, most).join(', ')}${names.length > most ? ` and ${names.length - most} more` : ''}`
}
