import type { Timer } from './timer-store.js'

/** One running process. */
export interface SagaRow {
  readonly name: string
  readonly id: string
  /** The version of the definition it was started with. */
  readonly definition: number
  readonly status: string
  /** Where it stands, to list by. */
  readonly step: string | undefined
  /** As JSON text. */
  readonly state: string
  /** Grows by one with each save. */
  readonly version: number
  readonly startedAt: number
  readonly updatedAt: number
  readonly deadlineAt: number | undefined
  readonly trace: string | undefined
}

/** One try of one step, forward or back. */
export interface SagaStep {
  readonly saga: string
  readonly id: string
  readonly step: string
  readonly phase: 'do' | 'undo'
  readonly attempt: number
  readonly status: string
  /** The command that it waits for an answer to. Unique. */
  readonly commandId: string | undefined
  readonly deadlineAt: number | undefined
  /** As JSON text. */
  readonly result: string | undefined
  readonly error: string | undefined
}

/** A line of a saga's history; the store numbers them. */
export interface SagaEntry {
  readonly at: number
  /** As JSON text. */
  readonly event: string
}

export interface SagaFilter {
  readonly name?: string | undefined
  readonly id?: string | undefined
  readonly status?: string | undefined
  readonly step?: string | undefined
  /** Not changed for so long. */
  readonly idleMs?: number | undefined
}

/** A key by which an event finds its saga. */
export interface Correlation {
  readonly key: string
  readonly value: string
}

/** A saga with each try of its steps, in the order in which they were first saved. */
export interface LoadedSaga {
  readonly saga: SagaRow
  readonly steps: readonly SagaStep[]
}

/** What one event makes of a saga. */
export interface SagaChange {
  readonly saga: SagaRow
  /** Added, or in place of those with the same step, phase and attempt. An id of a command that leaves one try for another stands there in this order. */
  readonly steps: readonly SagaStep[]
  readonly entries: readonly SagaEntry[]
  readonly arm: readonly Timer[]
  /** By their ids, or all of a target and a subject. Those that another open transaction has taken are passed over, not waited for: who fires them waits for the saga, and finds it changed. */
  readonly disarm: { readonly ids: readonly string[] } | { readonly target: string; readonly subject: string } | undefined
}

/** The sagas within an open transaction. */
export interface TransactionSagas {
  /** False: that id, or one of its correlations, is taken; nothing was written. Two that start at once: the second waits for the first. */
  insert(saga: SagaRow, correlations: readonly Correlation[]): Promise<boolean>
  /** Held until the end of the transaction where the store has locks: the next one waits. */
  load(name: string, id: string): Promise<LoadedSaga | undefined>
  /** As `load`, the saga of that name one of whose steps sent a command. */
  loadBy(name: string, commandId: string): Promise<LoadedSaga | undefined>
  /** Of a correlation. */
  find(name: string, correlation: Correlation): Promise<string | undefined>
  /** False: it belongs to another saga. */
  correlate(name: string, id: string, correlation: Correlation): Promise<boolean>
  /** Writes the row with `version` one higher, and all that changes with it. False: it is not at `saga.version` any more, and the transaction is to be rolled back. */
  save(change: SagaChange): Promise<boolean>
  append(name: string, id: string, entries: readonly SagaEntry[]): Promise<void>
}

export interface SagaStore {
  /** The longest unchanged first. `after`: reads on behind that one. */
  list(filter: SagaFilter, limit: number, after?: SagaRow): Promise<readonly SagaRow[]>
  get(name: string, id: string): Promise<SagaRow | undefined>
  steps(name: string, id: string): Promise<readonly SagaStep[]>
  /** Its history, oldest first. */
  history(name: string, id: string): Promise<readonly SagaEntry[]>
  /** How many with none of these statuses there are of each definition. */
  live(name: string, ended: readonly string[]): Promise<ReadonlyMap<number, number>>
  /** Of those of one definition with none of these statuses: how many have sent the command of each step. */
  begun(name: string, definition: number, ended: readonly string[]): Promise<ReadonlyMap<string, number>>
  /** How many of these statuses there are. */
  counts(name: string, statuses: readonly string[]): Promise<ReadonlyMap<string, number>>
  /** Removes those of a status that were not changed for `keepMs`, with all that belongs to them. */
  purge(name: string, statuses: readonly string[], keepMs: number): Promise<number>
}
