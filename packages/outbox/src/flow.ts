import type { Lease, Logger, OutboxPage, OutboxRow, OutboxStore, Parking, Runtime } from '@waybill/core'
import type { Line, Sent } from './line.js'

export interface FlowOptions {
  readonly outbox: OutboxStore
  readonly line: Line
  readonly runtime: Runtime
  readonly log: Logger
  /** A page was sent, or as much of it as could be. */
  readonly onSent: (page: OutboxPage, sent: Sent, began: number) => void
  /** The cursor is behind whole pages. */
  readonly onAdvanced: () => void
}

/** A page under way. */
interface Leg {
  readonly lease: Lease
  readonly page: OutboxPage
  readonly bytes: number
  result: Sent | undefined
}

const mostLegs = 64
/** The cursor moves no more often: it is a commit, and no message waits for it. */
const restMs = 10

/**
 * Pages under way, each sent as soon as it is read. The cursor follows behind the first of them that are whole, in one step for as many as there are.
 * What was dealt with behind a row that was not is known here, and is not sent again.
 */
export class Flow {
  readonly #options: FlowOptions
  readonly #ahead = new Map<bigint, Parking | 'sent'>()
  #legs: Leg[] = []
  #waiting: (() => void)[] = []
  #advancing = false
  #isEnding = false
  #movedAt = Number.NEGATIVE_INFINITY
  #cancelLater: (() => void) | undefined
  #isLost = false
  #error: unknown

  constructor(options: FlowOptions) {
    this.#options = options
  }

  get isEmpty(): boolean {
    return this.#legs.length === 0
  }

  /** Undefined: the next page begins at the cursor. */
  get last(): OutboxPage | undefined {
    return this.#legs.at(-1)?.page
  }

  /** A row was left, the cursor did not move, or it is another's: nothing more is to be added before {@link settled}. */
  get isBroken(): boolean {
    return this.#isLost || this.#error !== undefined || this.#legs.some(({ result }) => result !== undefined && result.left > 0)
  }

  /** One page of that size is under way while the next one is read; those that the cursor has yet to pass are bounded too. */
  isFull(most: Size): boolean {
    const open = this.#legs.filter(({ result }) => result === undefined)

    return this.#legs.length >= mostLegs || shareOf(open, most) > 1 || shareOf(this.#legs, most) > 4
  }

  /** Resolves when something has changed. */
  change(): Promise<void> {
    return new Promise((resolve) => this.#waiting.push(resolve))
  }

  /** Of `blocked` keys rows are parked. `alone`: one row after another. */
  add(lease: Lease, page: OutboxPage, { blocked, alone }: { readonly blocked: Set<string>; readonly alone: boolean }): void {
    const leg: Leg = { lease, page, bytes: page.rows.reduce((sum, { body, head }) => sum + body.length + head.length, 0), result: undefined }
    const began = this.#options.runtime.elapsed()
    this.#legs.push(leg)
    const fresh = page.rows.filter(({ seq }) => !this.#ahead.has(seq))
    const sending = alone ? this.#options.line.sendAlone(fresh, blocked) : this.#options.line.send(fresh, blocked)
    void sending.then((result) => {
      leg.result = result
      this.#options.onSent(page, result, began)
      this.#advance()
      this.#tellChange()
    })
  }

  /** Resolves when nothing is under way and the cursor has followed, with how many rows were left. Undefined: the lease is another's. Rejects where the store fails. */
  async settled(lease: Lease): Promise<number | undefined> {
    await this.#ended()
    this.#remember()
    try {
      if (!this.#isLost && this.#error === undefined) await this.#advanceInto(lease, this.#legs[0])
      if (this.#error !== undefined) throw this.#error

      return this.#isLost ? undefined : this.#legs.reduce((sum, { result }) => sum + (result?.left ?? 0), 0)
    } finally {
      this.#clear()
    }
  }

  /** Resolves when nothing is under way, and leaves the cursor to the lease that it was sent with. Nothing is known any more. */
  async abandon(): Promise<void> {
    await this.#ended()
    this.#clear()
    this.forget()
  }

  /** Everything before the cursor is done. */
  forget(): void {
    this.#ahead.clear()
  }

  async #ended(): Promise<void> {
    this.#isEnding = true
    this.#advance()
    while (this.#advancing || this.#legs.some(({ result }) => result === undefined)) await this.change()
  }

  #clear(): void {
    this.#cancelLater?.()
    this.#cancelLater = undefined
    this.#isEnding = false
    this.#legs = []
    this.#isLost = false
    this.#error = undefined
  }

  #advance(): void {
    if (this.#advancing || this.#isLost || this.#error !== undefined) return
    const first = this.#legs.findIndex(({ result }) => result === undefined || result.left > 0)
    const whole = this.#legs.slice(0, first === -1 ? this.#legs.length : first)
    const last = whole.at(-1)
    if (!last || this.#rests()) return
    this.#advancing = true
    const over = whole.flatMap((leg) => leg.page.rows.map((row) => ({ row, state: this.#stateOf(leg, row) })))
    this.#move(last.lease, last.page, { done: last.page.rows.length, over })
      .then((isOurs) => {
        if (!isOurs) return
        this.#legs.splice(0, whole.length)
        this.#options.onAdvanced()
      })
      .catch((error: unknown) => {
        this.#error = error ?? new Error('The store failed without a reason.')
      })
      .finally(() => {
        this.#advancing = false
        this.#movedAt = this.#options.runtime.elapsed()
        this.#advance()
        this.#tellChange()
      })
      .catch(() => undefined)
  }

  /** It is too early, and will be tried again. */
  #rests(): boolean {
    const { runtime } = this.#options
    const waitMs = this.#movedAt + restMs - runtime.elapsed()
    if (this.#isEnding || waitMs <= 0) return false
    this.#cancelLater ??= runtime.after(waitMs, () => {
      this.#cancelLater = undefined
      this.#advance()
    })

    return true
  }

  /** Up to the first row of a page that was left. */
  async #advanceInto(lease: Lease, leg: Leg | undefined): Promise<void> {
    if (!leg) return
    const states = leg.page.rows.map((row) => ({ row, state: this.#stateOf(leg, row) }))
    const done = states.findIndex(({ state }) => state === undefined)
    if (done > 0) await this.#move(lease, leg.page, { done, over: states.slice(0, done) })
  }

  async #move(lease: Lease, page: OutboxPage, { done, over }: { readonly done: number; readonly over: readonly Dealt[] }): Promise<boolean> {
    const { outbox, log } = this.#options
    const parked = over.flatMap(({ state }) => (state === undefined || state === 'sent' ? [] : [state]))
    const isOurs = await outbox.advance(lease, { page, done, parked })
    this.#isLost = !isOurs
    if (!isOurs) return false
    for (const { row } of over) this.#ahead.delete(row.seq)
    for (const { row, code, reason } of parked) {
      if (code !== 'BEHIND') log.error(`"${row.id}" for "${row.destination}" cannot be sent and is parked, with its key: ${reason}`, { code, key: row.key })
    }

    return true
  }

  #stateOf({ result }: Leg, { seq }: OutboxRow): Dealt['state'] {
    return result?.parked.get(seq) ?? (result?.sent.has(seq) ? 'sent' : this.#ahead.get(seq))
  }

  #remember(): void {
    for (const leg of this.#legs) {
      for (const row of leg.page.rows) {
        const state = this.#stateOf(leg, row)
        if (state !== undefined) this.#ahead.set(row.seq, state)
      }
    }
  }

  #tellChange(): void {
    for (const resolve of this.#waiting.splice(0)) resolve()
  }
}

interface Dealt {
  readonly row: OutboxRow
  /** Undefined: it was left. */
  readonly state: Parking | 'sent' | undefined
}

interface Size {
  readonly rows: number
  readonly bytes: number
}

/** Of a page that is as large as may be. */
function shareOf(legs: readonly Leg[], most: Size): number {
  const rows = legs.reduce((sum, { page }) => sum + page.rows.length, 0)
  const bytes = legs.reduce((sum, leg) => sum + leg.bytes, 0)

  return Math.max(rows / most.rows, bytes / most.bytes)
}
