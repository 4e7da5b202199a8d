import { StoreBench } from './store-bench.js'
import { storeInbox } from './store-inbox.js'
import { storeOutbox } from './store-outbox.js'
import { storeParked } from './store-parked.js'
import { storeSagas } from './store-sagas.js'
import type { StoreSubject } from './store-subject.js'
import { storeTimers } from './store-timers.js'
import { storeTransactions } from './store-transactions.js'

/** One thing that every store must do. Give each to your test runner: `test(c.title, () => c.run(subject))`. */
export interface StoreCase {
  /** A sentence that a user would say. */
  readonly title: string
  /** Rejects with an AssertionError where the store does something else. Leaves nothing open. */
  run(subject: StoreSubject): Promise<void>
}

/** A case as its author writes it. */
export interface StoreScenario {
  readonly title: string
  run(bench: StoreBench): Promise<void>
}

/** What every store must do, one case after another. Each has a namespace of its own, so they run in any order. */
export function storeContract(): readonly StoreCase[] {
  return [storeTransactions, storeInbox, storeOutbox, storeParked, storeTimers, storeSagas].flat().map(({ title, run }) => ({
    title,
    run: async (subject) => {
      const bench = new StoreBench(subject)
      try {
        await run(bench)
      } finally {
        await bench.close()
      }
    },
  }))
}
