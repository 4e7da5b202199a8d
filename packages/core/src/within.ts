import type { Runtime } from './runtime.js'

/** What `work` resolves with; rejects with `late()` where it takes longer. The work goes on. */
export function within<T>(work: Promise<T>, ms: number, runtime: Runtime, late: () => Error): Promise<T> {
  return new Promise((resolve, reject) => {
    const cancel = runtime.after(ms, () => reject(late()))
    work.then(resolve, reject).finally(cancel)
  })
}
