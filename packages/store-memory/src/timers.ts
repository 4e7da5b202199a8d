import type { Timer, TimerFilter, TimerStore, TransactionTimers } from '@waybill/core'
import type { Connection } from './connection.js'
import type { Session } from './database/session.js'
import { rowOf } from './database/space.js'

export class MemoryTimers implements TimerStore {
  readonly #connection: Connection

  constructor(connection: Connection) {
    this.#connection = connection
  }

  async list(filter: TimerFilter, limit: number): Promise<readonly Timer[]> {
    return timersIn(this.#connection.space.table('timer'))
      .filter((timer) => matches(timer, filter))
      .slice(0, limit)
  }

  async nextDueMs(targets: readonly string[]): Promise<number | undefined> {
    let next: number | undefined
    for (const [, value] of this.#connection.space.table('timer')) {
      const { target, dueAt } = value as Timer
      if (targets.includes(target) && (next === undefined || dueAt < next)) next = dueAt
    }

    return next === undefined ? undefined : Math.max(0, next - this.#connection.now)
  }
}

export class SessionTimers implements TransactionTimers {
  readonly #session: Session
  readonly #connection: Connection

  constructor(session: Session, connection: Connection) {
    this.#session = session
    this.#connection = connection
  }

  async arm(timers: readonly Timer[]): Promise<void> {
    for (const timer of timers) await this.#session.write(rowOf('timer', timer.id), timer)
  }

  async move(id: string, dueAt: number, from?: number): Promise<boolean> {
    const row = rowOf('timer', id)
    await this.#session.lock(row)
    const timer = this.#session.read(row) as Timer | undefined
    if (!timer || (from !== undefined && timer.dueAt !== from)) return false
    await this.#session.write(row, { ...timer, dueAt })

    return true
  }

  async cancel(filter: TimerFilter): Promise<readonly string[]> {
    const cancelled: string[] = []
    for (const { id } of this.#matching(filter)) {
      const row = rowOf('timer', id)
      await this.#session.lock(row)
      // Somebody else may have fired it while this waited for the row.
      if (this.#session.read(row) === undefined) continue
      await this.#session.write(row, undefined)
      cancelled.push(id)
    }

    return cancelled
  }

  /** As `cancel`, but for those that somebody else fires at this moment. */
  async disarm(filter: TimerFilter): Promise<void> {
    for (const { id } of this.#matching(filter)) if (this.#session.tryLock(rowOf('timer', id))) await this.#session.write(rowOf('timer', id), undefined)
  }

  #matching(filter: TimerFilter): readonly Timer[] {
    // A saga disarms one at a time: it need not look at all others for it.
    const known = filter.ids?.map((id) => this.#session.read(rowOf('timer', id)) as Timer | undefined).filter((timer) => timer !== undefined)

    return (known ?? timersIn(this.#session.table('timer'))).filter((timer) => matches(timer, filter))
  }

  async takeDue(targets: readonly string[], limit: number): Promise<readonly Timer[]> {
    const taken: Timer[] = []
    const due = [...this.#session.table('timer')].filter(([, value]) => (value as Timer).dueAt <= this.#connection.now && targets.includes((value as Timer).target))
    for (const timer of timersIn(due)) {
      if (taken.length === limit) break
      const row = rowOf('timer', timer.id)
      if (!this.#session.tryLock(row)) continue
      await this.#session.write(row, undefined)
      taken.push(timer)
    }

    return taken
  }
}

/** The earliest first; of one moment, in the order in which they were armed. */
function timersIn(rows: Iterable<readonly [row: string, value: unknown]>): Timer[] {
  return [...rows].map(([, value]) => value as Timer).sort((a, b) => a.dueAt - b.dueAt)
}

function matches({ id, target, subject }: Timer, filter: TimerFilter): boolean {
  if (filter.ids && !filter.ids.includes(id)) return false

  return (filter.target === undefined || filter.target === target) && (filter.subject === undefined || filter.subject === subject)
}
