import type { Runtime } from '@waybill/core'

/** So long after the last one nothing more comes: what the queue counted has been taken by somebody else meanwhile. */
const silentMs = 1_000

/** So many messages that are awaited. */
export interface Arrival {
  readonly ended: Promise<void>
  /** One more has come; null: the broker ends the consumer. */
  next(message: object | null): void
  readonly end: () => void
}

/** Ends when as many have come as there are, when the consumer ends, or when nothing more comes. */
export function arrivalOf(count: number, runtime: Runtime): Arrival {
  let left = count
  let cancel: (() => void) | undefined
  let resolve: () => void
  const ended = new Promise<void>((done) => {
    resolve = done
  })
  const end = (): void => {
    left = 0
    cancel?.()
    resolve()
  }
  const wait = (): void => {
    cancel?.()
    cancel = runtime.after(silentMs, end)
  }
  wait()

  return { ended, end, next: (message) => (message === null || --left <= 0 ? end() : wait()) }
}
