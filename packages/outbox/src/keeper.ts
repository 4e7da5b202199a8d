import { channel } from 'node:diagnostics_channel'
import { type Logger, Outage, type OutboxEvent, type Runtime, type Store } from '@waybill/core'
import { reasonOf } from './refusal.js'

export interface KeeperOptions {
  readonly app: string
  readonly store: Store
  readonly shards: readonly string[]
  readonly runtime: Runtime
  readonly log: Logger
  readonly everyMs: number
  readonly keepInboxMs: number
}

const events = channel('waybill:outbox')
const lookEveryMs = 5_000
const past = { clean: 'cleaned up', look: 'looked at' } as const
type Task = keyof typeof past

/** Cleans up what is done, and tells those who watch how much waits. */
export class Keeper {
  readonly #options: KeeperOptions
  readonly #cancels = new Map<Task, () => void>()
  readonly #outages: Readonly<Record<Task, Outage>>
  #isOver = false

  constructor(options: KeeperOptions) {
    this.#options = options
    const outageOf = (what: Task): Outage => new Outage(options, (lasting) => `The store is ${past[what]} again${lasting}.`)
    this.#outages = { clean: outageOf('clean'), look: outageOf('look') }
  }

  start(): void {
    this.#plan('clean', this.#options.everyMs, () => this.#clean())
    this.#plan('look', lookEveryMs, () => this.#look())
  }

  stop(): void {
    this.#isOver = true
    for (const cancel of this.#cancels.values()) cancel()
  }

  #plan(what: Task, ms: number, work: () => Promise<void>): void {
    if (this.#isOver) return
    const again = (): void => {
      work()
        .then(() => this.#outages[what].worked())
        .catch((error: unknown) => this.#outages[what].failed((lasting) => `The store could not be ${past[what]}${lasting}, and is next time: ${reasonOf(error)}`))
        .finally(() => this.#plan(what, ms, work))
        .catch(() => undefined)
    }
    this.#cancels.set(what, this.#options.runtime.after(ms, again))
  }

  async #clean(): Promise<void> {
    const { store, keepInboxMs } = this.#options
    await store.outbox.clean()
    await store.inbox.clean(keepInboxMs)
  }

  async #look(): Promise<void> {
    if (!events.hasSubscribers) return
    const { app, store, shards } = this.#options
    for (const status of await store.outbox.status(shards)) events.publish({ app, ...status } satisfies OutboxEvent)
  }
}
