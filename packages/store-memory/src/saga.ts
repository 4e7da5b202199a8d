import type { Correlation, LoadedSaga, SagaChange, SagaEntry, SagaFilter, SagaRow, SagaStep, SagaStore, TransactionSagas } from '@waybill/core'
import type { Connection } from './connection.js'
import type { Session } from './database/session.js'
import { rowOf } from './database/space.js'
import type { SessionTimers } from './timers.js'

export class MemorySagas implements SagaStore {
  readonly #connection: Connection

  constructor(connection: Connection) {
    this.#connection = connection
  }

  async list(filter: SagaFilter, limit: number, after?: SagaRow): Promise<readonly SagaRow[]> {
    const { now } = this.#connection
    const found = this.#all().filter((saga) => matches(saga, filter, now))
    found.sort(byAge)
    const from = after ? found.findIndex((saga) => byAge(saga, after) > 0) : 0

    return from === -1 ? [] : found.slice(from, from + limit)
  }

  async get(name: string, id: string): Promise<SagaRow | undefined> {
    return this.#connection.space.row(rowOf('saga', name, id))?.value as SagaRow | undefined
  }

  async steps(name: string, id: string): Promise<readonly SagaStep[]> {
    return stepsIn(this.#connection.space.table(stepTable(name, id)))
  }

  async history(name: string, id: string): Promise<readonly SagaEntry[]> {
    return (this.#connection.space.row(rowOf('saga-history', name, id))?.value as readonly SagaEntry[] | undefined) ?? []
  }

  async live(name: string, ended: readonly string[]): Promise<ReadonlyMap<number, number>> {
    const counts = new Map<number, number>()
    for (const saga of this.#all()) if (saga.name === name && !ended.includes(saga.status)) counts.set(saga.definition, (counts.get(saga.definition) ?? 0) + 1)

    return counts
  }

  async begun(name: string, definition: number, ended: readonly string[]): Promise<ReadonlyMap<string, number>> {
    const counts = new Map<string, number>()
    for (const saga of this.#all().filter((one) => one.name === name && one.definition === definition && !ended.includes(one.status))) {
      const sent = (await this.steps(name, saga.id)).filter(({ phase, commandId }) => phase === 'do' && commandId !== undefined)
      for (const step of new Set(sent.map((one) => one.step))) counts.set(step, (counts.get(step) ?? 0) + 1)
    }

    return counts
  }

  async counts(name: string, statuses: readonly string[]): Promise<ReadonlyMap<string, number>> {
    const counts = new Map<string, number>()
    for (const saga of this.#all()) if (saga.name === name && statuses.includes(saga.status)) counts.set(saga.status, (counts.get(saga.status) ?? 0) + 1)

    return counts
  }

  async purge(name: string, statuses: readonly string[], keepMs: number): Promise<number> {
    const { space, now } = this.#connection
    const gone = this.#all().filter((saga) => saga.name === name && statuses.includes(saga.status) && saga.updatedAt < now - keepMs)
    const ids = new Set(gone.map(({ id }) => id))
    const rows = gone.flatMap(({ id }) => [rowOf('saga', name, id), rowOf('saga-history', name, id), ...stepRows(stepsIn(space.table(stepTable(name, id))))])
    for (const [row, value] of space.table('saga-correlation')) if (ids.has(value as string) && row.startsWith(`saga-correlation/["${name}"`)) rows.push(row)
    space.apply(new Map(rows.map((row) => [row, undefined])))

    return gone.length
  }

  #all(): SagaRow[] {
    return [...this.#connection.space.table('saga')].map(([, value]) => value as SagaRow)
  }
}

export class SessionSagas implements TransactionSagas {
  readonly #session: Session
  readonly #timers: SessionTimers

  constructor(session: Session, timers: SessionTimers) {
    this.#session = session
    this.#timers = timers
  }

  async insert(saga: SagaRow, correlations: readonly Correlation[]): Promise<boolean> {
    const { name, id } = saga
    const taken = [rowOf('saga', name, id), ...correlations.map((correlation) => correlationRow(name, correlation))]
    for (const row of [...taken].sort()) await this.#session.lock(row)
    if (taken.some((row) => this.#session.read(row) !== undefined)) return false
    await this.#session.write(rowOf('saga', name, id), saga)
    for (const correlation of correlations) await this.#session.write(correlationRow(name, correlation), id)

    return true
  }

  async load(name: string, id: string): Promise<LoadedSaga | undefined> {
    const saga = await this.#lock(name, id)

    return saga && { saga, steps: stepsIn(this.#session.table(stepTable(name, id))) }
  }

  async loadBy(name: string, commandId: string): Promise<LoadedSaga | undefined> {
    const row = this.#session.read(rowOf('saga-command', commandId)) as string | undefined
    const step = row === undefined ? undefined : (this.#session.read(row) as SagaStep | undefined)

    return step?.saga === name ? this.load(name, step.id) : undefined
  }

  async find(name: string, correlation: Correlation): Promise<string | undefined> {
    return this.#session.read(correlationRow(name, correlation)) as string | undefined
  }

  async correlate(name: string, id: string, correlation: Correlation): Promise<boolean> {
    const row = correlationRow(name, correlation)
    await this.#session.lock(row)
    const owner = this.#session.read(row)
    if (owner === undefined) await this.#session.write(row, id)

    return owner === undefined || owner === id
  }

  async save({ saga, steps, entries, arm, disarm }: SagaChange): Promise<boolean> {
    const known = await this.#lock(saga.name, saga.id)
    if (known?.version !== saga.version) return false
    await this.#session.write(rowOf('saga', saga.name, saga.id), { ...saga, version: saga.version + 1 })
    for (const step of steps) await this.#saveStep(step)
    if (entries.length > 0) await this.append(saga.name, saga.id, entries)
    if (disarm) await this.#timers.disarm(disarm)
    await this.#timers.arm(arm)

    return true
  }

  async append(name: string, id: string, entries: readonly SagaEntry[]): Promise<void> {
    const row = rowOf('saga-history', name, id)
    await this.#session.lock(row)
    const known = (this.#session.read(row) as readonly SagaEntry[] | undefined) ?? []
    await this.#session.write(row, [...known, ...entries])
  }

  async #lock(name: string, id: string): Promise<SagaRow | undefined> {
    const row = rowOf('saga', name, id)
    await this.#session.lock(row)

    return this.#session.read(row) as SagaRow | undefined
  }

  async #saveStep(step: SagaStep): Promise<void> {
    const row = stepRow(step)
    await this.#session.write(row, step)
    if (step.commandId !== undefined) await this.#session.write(rowOf('saga-command', step.commandId), row)
  }
}

function correlationRow(name: string, { key, value }: Correlation): string {
  return rowOf('saga-correlation', name, key, value)
}

function stepRow({ saga, id, step, phase, attempt }: SagaStep): string {
  return rowOf(stepTable(saga, id), step, phase, attempt)
}

/** A table for each saga, so that those of one are found without a look at all others. */
function stepTable(saga: string, id: string): string {
  return `saga-step ${JSON.stringify([saga, id]).replaceAll('/', '\\u002f')}`
}

function stepRows(steps: readonly SagaStep[]): readonly string[] {
  return steps.flatMap((step) => (step.commandId === undefined ? [stepRow(step)] : [stepRow(step), rowOf('saga-command', step.commandId)]))
}

function stepsIn(rows: Iterable<readonly [row: string, value: unknown]>): readonly SagaStep[] {
  return [...rows].map(([, value]) => value as SagaStep)
}

function matches({ name, id, status, step, updatedAt }: SagaRow, filter: SagaFilter, now: number): boolean {
  if (filter.idleMs !== undefined && updatedAt > now - filter.idleMs) return false
  if (filter.name !== undefined && filter.name !== name) return false
  if (filter.id !== undefined && filter.id !== id) return false

  return (filter.status === undefined || filter.status === status) && (filter.step === undefined || filter.step === step)
}

function byAge(a: SagaRow, b: SagaRow): number {
  return a.updatedAt - b.updatedAt || compare(a.name, b.name) || compare(a.id, b.id)
}

function compare(a: string, b: string): number {
  return a < b ? -1 : Number(a > b)
}
