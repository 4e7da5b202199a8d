/** Something that is to happen at a moment, kept in the store: armed, moved and cancelled in a transaction, fired once. */
export interface Timer {
  /** The same id again is the same timer, and replaces it. */
  readonly id: string
  /** In ms since the epoch. */
  readonly dueAt: number
  /** Who acts when it is due: `publish`, or what a plugin registered. */
  readonly target: string
  /** What to list it by: a saga's id, a channel. */
  readonly subject: string
  readonly payload: Uint8Array
}

export interface TimerFilter {
  readonly target?: string | undefined
  readonly subject?: string | undefined
  readonly ids?: readonly string[] | undefined
}

/** The timers within an open transaction. */
export interface TransactionTimers {
  arm(timers: readonly Timer[]): Promise<void>
  /** False: it has fired, was cancelled, or is not due at `from`, where that is given. */
  move(id: string, dueAt: number, from?: number): Promise<boolean>
  /** Resolves with the ids of those that were there, and are not any more. */
  cancel(filter: TimerFilter): Promise<readonly string[]>
  /**
   * Takes up to `limit` that are due, the earliest first, out of the table: they are gone when this transaction commits, and back when it does not. Those that
   * another open transaction has taken are passed over, not waited for.
   */
  takeDue(targets: readonly string[], limit: number): Promise<readonly Timer[]>
}

export interface TimerStore {
  /** The earliest first. */
  list(filter: TimerFilter, limit: number): Promise<readonly Timer[]>
  /** How long until the earliest of these targets is due, 0 where it is already; undefined where there is none. */
  nextDueMs(targets: readonly string[]): Promise<number | undefined>
}
