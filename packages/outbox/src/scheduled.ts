import {
  type Logger,
  messageOfTimer,
  Outage,
  type OutboxMessage,
  type PluginTransactions,
  publishTarget,
  type Runtime,
  type Timer,
  TimerFailed,
  type TimerFilter,
} from '@waybill/core'
import { bounded } from './bounded.js'
import { reasonOf } from './refusal.js'
import { Sleep } from './sleep.js'

/** A timer as people look at it. */
export interface TimerView {
  readonly id: string
  readonly dueAt: Date
  /** `publish` for a delayed message. */
  readonly target: string
  readonly subject: string
}

const page = 500
/** So many timers are fired side by side at most. */
const widest = 4
const longestSleepMs = 1_000
const backOffMs = 5_000
const stopMs = 5_000

/** Fires what is due: delayed messages into the outbox, other timers to those who act for them. Every process does; each timer fires in one. */
export class Scheduled {
  readonly #transactions: PluginTransactions
  readonly #runtime: Runtime
  readonly #log: Logger
  readonly #sleep: Sleep
  readonly #sent: (shards: readonly string[]) => void
  #isOver = false
  #running: Promise<void> | undefined

  constructor(transactions: PluginTransactions, runtime: Runtime, log: Logger, sent: (shards: readonly string[]) => void) {
    this.#transactions = transactions
    this.#runtime = runtime
    this.#log = log
    this.#sleep = new Sleep(runtime)
    this.#sent = sent
  }

  start(): void {
    this.#running = this.#run()
  }

  wake(): void {
    this.#sleep.wake()
  }

  async stop(): Promise<void> {
    this.#isOver = true
    this.#sleep.wake()
    await bounded(this.#running, stopMs, this.#runtime)
  }

  async list(filter: TimerFilter, limit: number): Promise<readonly TimerView[]> {
    const timers = await this.#transactions.store.timers.list(filter, limit)

    return timers.map(({ id, dueAt, target, subject }) => ({ id, dueAt: new Date(dueAt), target, subject }))
  }

  async #run(): Promise<void> {
    const outage = new Outage({ log: this.#log, runtime: this.#runtime }, (lasting) => `Timers are fired again${lasting}.`)
    let failures = 0
    while (!this.#isOver) {
      let waitMs = 0
      try {
        waitMs = await this.#turn()
        failures = 0
        outage.worked()
      } catch (error) {
        failures++
        outage.failed((lasting) => `Timers cannot be fired${lasting}, and are tried on: ${reasonOf(error)}`)
        waitMs = Math.min(longestSleepMs, 50 * 2 ** Math.min(failures, 10))
      }
      if (waitMs > 0 && !this.#isOver) await this.#sleep.for(waitMs)
    }
  }

  /** Looks before it opens a transaction: mostly nothing is due. */
  async #turn(): Promise<number> {
    const { store, timerHandlers } = this.#transactions
    const publishMs = await store.timers.nextDueMs([publishTarget])
    const fireMs = timerHandlers.size === 0 ? undefined : await store.timers.nextDueMs([...timerHandlers.keys()])
    const next = Math.min(publishMs ?? longestSleepMs, fireMs ?? longestSleepMs, longestSleepMs)
    if (next > 0) return next
    const fired = (publishMs === 0 ? await this.#publishDue() : 0) + (fireMs === 0 ? await this.#fireDue() : 0)

    // Due, but taken by somebody else just now.
    return fired > 0 ? 0 : 50
  }

  /** Delayed messages need no handler: they move from one table to the other. */
  async #publishDue(): Promise<number> {
    const { store } = this.#transactions
    const { transaction } = await store.begin({})
    try {
      const due = await transaction.timers.takeDue([publishTarget], page)
      const messages = due.flatMap((timer) => this.#messageOf(timer) ?? [])
      // What cannot be read stays where it is, later: an operator sees it in the list.
      const unread = due.filter(({ id }) => !messages.some((message) => message.id === id))
      if (due.length === 0) {
        await transaction.rollback()
        return 0
      }
      await transaction.commit({ outbox: messages, timers: unread.map((timer) => ({ ...timer, dueAt: this.#runtime.now() + 3_600_000 })), replies: [] })
      this.#sent([...new Set(messages.map(({ shard }) => shard))])

      return due.length
    } catch (error) {
      await transaction.rollback()
      throw error
    }
  }

  /** One, then two, then four at a time, each in a transaction of its own, as long as each of them finds one. */
  async #fireDue(): Promise<number> {
    let fired = 0
    for (let width = 1; fired < page && !this.#isOver; width = Math.min(2 * width, widest)) {
      const ends = await Promise.allSettled(Array.from({ length: width }, () => this.#fireNext()))
      const failed = ends.find((end) => end.status === 'rejected')
      if (failed) throw failed.reason
      const found = ends.filter((end) => end.status === 'fulfilled' && end.value).length
      fired += found
      if (found < width) break
    }

    return fired
  }

  /** False: nothing is due. */
  async #fireNext(): Promise<boolean> {
    try {
      return (await this.#transactions.fireNext()) !== undefined
    } catch (error) {
      if (!(error instanceof TimerFailed)) throw error
      this.#log.warn(`${error.message} It is tried again in ${backOffMs} ms.`)
      const { id, dueAt } = error.timer
      // One whose commit nobody heard of may be there anew, for another moment.
      await this.#transactions.run('A failed timer', { propagation: 'new' }, () => this.#transactions.use(({ timers }) => timers.move(id, this.#runtime.now() + backOffMs, dueAt)))

      return true
    }
  }

  #messageOf(timer: Timer): OutboxMessage | undefined {
    try {
      return messageOfTimer(timer)
    } catch (error) {
      this.#log.error(`${reasonOf(error)} It waits another hour.`)

      return undefined
    }
  }
}
