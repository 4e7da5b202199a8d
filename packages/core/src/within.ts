import type { Runtime } from './runtime.js'

/** What `work` resolves with; rejects with `late()` where it takes longer. The work goes on. */
export function within<T>(work: Promise<T>, ms: number, runtime: Runtime, late: () => Error): Promise<T> {
  return new Promise((resolve, reject) => {
    const cancel = runtime.after(ms, () => reject(late()))
    work.then(
      (value) => {
        cancel()
        resolve(value)
      },
      (error: unknown) => {
        cancel()
        reject(error)
      },
    )
  })
}

/** What `work` resolves with; rejects with `error()` as soon as its caller gives up. The work goes on. */
export function unlessAborted<T>(work: Promise<T>, signal: AbortSignal | undefined, error: () => Error): Promise<T> {
  if (!signal) return work

  return new Promise((resolve, reject) => {
    const giveUp = (): void => reject(error())
    const over = (): void => signal.removeEventListener('abort', giveUp)
    signal.addEventListener('abort', giveUp, { once: true })
    if (signal.aborted) giveUp()
    work.then(resolve, reject).then(over, over)
  })
}

/** Whether `work` was done in time. The work goes on. */
export async function isDoneWithin(work: Promise<unknown>, ms: number, runtime: Runtime): Promise<boolean> {
  let cancel: (() => void) | undefined
  const late = new Promise<false>((resolve) => {
    cancel = runtime.after(ms, () => resolve(false))
  })
  try {
    return await Promise.race([work.then(() => true), late])
  } finally {
    cancel?.()
  }
}
