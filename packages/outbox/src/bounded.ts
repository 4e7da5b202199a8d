import type { Runtime } from '@waybill/core'

/** Resolves when the work has ended, however, or when the time is up: what never answers must not keep the process. */
export function bounded(work: Promise<unknown> | undefined, ms: number, runtime: Runtime): Promise<void> {
  return new Promise((resolve) => {
    const cancel = runtime.after(ms, resolve)
    const end = (): void => {
      cancel()
      resolve()
    }
    if (work) work.then(end, end)
    else end()
  })
}
