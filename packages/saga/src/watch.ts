import { channel } from 'node:diagnostics_channel'
import type { PluginHost, SagasEvent, Store } from '@waybill/core'
import { timerTarget } from './instance.js'

const events = channel('waybill:sagas')
const lookEveryMs = 5_000
const open = ['running', 'compensating', 'stuck']

/** Tells those who watch how many sagas are open, now and then. Looks at nothing while nobody does. */
export class Watch {
  readonly #host: PluginHost
  readonly #store: Store
  readonly #names: readonly string[]
  #cancel: () => void = () => undefined
  #isOver = false

  constructor(host: PluginHost, store: Store, names: readonly string[]) {
    this.#host = host
    this.#store = store
    this.#names = names
  }

  start(): void {
    if (this.#isOver || this.#names.length === 0) return
    this.#cancel = this.#host.runtime.after(lookEveryMs, () => {
      this.#look()
        // The outbox says that the store is away, and when it is back.
        .catch((error: unknown) => this.#host.log.debug(`The sagas could not be counted, and are next time: ${error instanceof Error ? error.message : String(error)}`))
        .finally(() => this.start())
        .catch(() => undefined)
    })
  }

  stop(): void {
    this.#isOver = true
    this.#cancel()
  }

  async #look(): Promise<void> {
    if (!events.hasSubscribers) return
    const { app, runtime } = this.#host
    for (const saga of this.#names) {
      const counts = await this.#store.sagas.counts(saga, open)
      const timers = await this.#store.timers.list({ target: timerTarget(saga) }, 1_000)
      const timersDue = timers.filter(({ dueAt }) => dueAt <= runtime.now()).length
      events.publish({ app, saga, open: Object.fromEntries(open.map((status) => [status, counts.get(status) ?? 0])), timersDue } satisfies SagasEvent)
    }
  }
}
