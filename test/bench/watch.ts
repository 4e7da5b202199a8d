import type { Ledger } from './ledger.js'

const stallMs = 15_000

/** Ends when it is told so, or when no order has come for a while: then the rest is lost. */
export function watch(ledger: Ledger): { readonly ended: Promise<void>; finish(): void } {
  let finish = (): void => {}
  const ended = new Promise<void>((resolve) => {
    let before = -1
    const timer = setInterval(() => {
      if (ledger.sightings === before) finish()
      before = ledger.sightings
    }, stallMs)
    finish = () => {
      clearInterval(timer)
      resolve()
    }
  })

  return { ended, finish: () => finish() }
}
