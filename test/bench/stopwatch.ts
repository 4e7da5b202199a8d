/** Adds up how long calls take. */
export interface Stopwatch {
  /** Since the beginning. */
  readonly ms: number
  around<A extends unknown[], R>(work: (...args: A) => R): (...args: A) => R
}

export function stopwatch(): Stopwatch {
  let ms = 0

  return {
    get ms() {
      return ms
    },
    around:
      (work) =>
      (...args) => {
        const begin = performance.now()
        const result = work(...args)
        ms += performance.now() - begin

        return result
      },
  }
}
