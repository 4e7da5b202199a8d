import type { Correlation, LoadedSaga, SagaChange, SagaEntry, SagaFilter, SagaRow, SagaStep, SagaStore, TransactionSagas as SagasWithin } from '@waybill/core'
import type { Connection } from './connection.js'
import type { Row, Statement } from './options.js'
import type { Runner } from './runner.js'
import { numberOf, optionalNumberOf, optionalTextOf, type Prepare, textOf } from './statement.js'
import type { TimerStatements } from './timers.js'

/** The statements about sagas of one schema. */
export class SagaStatements {
  readonly sql: ReturnType<typeof sqlOf>

  constructor(prepare: Prepare) {
    this.sql = sqlOf(prepare)
  }
}

/** The sagas within an open transaction. */
export class TransactionSagas implements SagasWithin {
  readonly #runner: Runner
  readonly #sql: SagaStatements['sql']
  readonly #timers: TimerStatements

  constructor(runner: Runner, { sql }: SagaStatements, timers: TimerStatements) {
    this.#runner = runner
    this.#sql = sql
    this.#timers = timers
  }

  // A correlation that is taken leaves no saga behind: what was written is undone with the savepoint.
  async insert(saga: SagaRow, correlations: readonly Correlation[]): Promise<boolean> {
    if (correlations.length === 0) return (await this.#runner.run(this.#sql.insert(...valuesOf(saga)))).rows.length === 1
    await this.#runner.run({ text: 'SAVEPOINT saga' })
    const { rows } = await this.#runner.run(this.#sql.insert(...valuesOf(saga)))
    const isNew = rows.length === 1 && (await this.#correlateAll(saga, correlations))
    await this.#runner.run({ text: isNew ? 'RELEASE SAVEPOINT saga' : 'ROLLBACK TO SAVEPOINT saga' })

    return isNew
  }

  load(name: string, id: string): Promise<LoadedSaga | undefined> {
    return this.#load([this.#sql.load(name, id), this.#sql.steps(name, id)])
  }

  loadBy(name: string, commandId: string): Promise<LoadedSaga | undefined> {
    return this.#load([this.#sql.loadBy(name, commandId), this.#sql.stepsBy(name, commandId)])
  }

  async find(name: string, { key, value }: Correlation): Promise<string | undefined> {
    const { rows } = await this.#runner.run(this.#sql.find(name, key, value))

    return optionalTextOf(rows[0]?.['id'])
  }

  async correlate(name: string, id: string, { key, value }: Correlation): Promise<boolean> {
    if ((await this.#runner.run(this.#sql.correlate(name, key, value, id))).rows.length === 1) return true

    return (await this.find(name, { key, value })) === id
  }

  async save({ saga, steps, entries, arm, disarm }: SagaChange): Promise<boolean> {
    const [saved] = await this.#runner.runAll([
      this.#sql.save(...valuesOf(saga)),
      ...this.#saving(saga, steps),
      ...this.#appending(saga.name, saga.id, entries),
      ...this.#timers.disarming(disarm),
      ...this.#timers.arming(arm),
    ])

    return saved?.rows.length === 1
  }

  async append(name: string, id: string, entries: readonly SagaEntry[]): Promise<void> {
    await this.#runner.runAll(this.#appending(name, id, entries))
  }

  async #load(statements: readonly Statement[]): Promise<LoadedSaga | undefined> {
    const [saga, steps] = await this.#runner.runAll(statements)

    return saga?.rows[0] && { saga: sagaOf(saga.rows[0]), steps: (steps?.rows ?? []).map(stepOf) }
  }

  #saving({ name, id }: SagaRow, steps: readonly SagaStep[]): readonly Statement[] {
    if (steps.length === 0) return []
    const rows = steps.map(({ step, phase, attempt, status, commandId, deadlineAt, result, error }) => [step, phase, attempt, status, commandId, deadlineAt, result, error])

    return [this.#sql.saveSteps(name, id, ...[0, 1, 2, 3, 4, 5, 6, 7].map((column) => rows.map((row) => row[column] ?? null)))]
  }

  #appending(name: string, id: string, entries: readonly SagaEntry[]): readonly Statement[] {
    if (entries.length === 0) return []
    const [moments, events] = [entries.map(({ at }) => at), entries.map(({ event }) => event)]

    return [this.#sql.append(name, id, moments, events)]
  }

  async #correlateAll({ name, id }: SagaRow, correlations: readonly Correlation[]): Promise<boolean> {
    for (const correlation of correlations) if (!(await this.correlate(name, id, correlation))) return false

    return true
  }
}

/** What is known of the sagas, for people. */
export class Sagas implements SagaStore {
  readonly #connection: Connection
  readonly #sql: SagaStatements['sql']

  constructor(connection: Connection, { sql }: SagaStatements) {
    this.#connection = connection
    this.#sql = sql
  }

  async list({ name, id, status, step, idleMs }: SagaFilter, limit: number, after?: SagaRow): Promise<readonly SagaRow[]> {
    const { rows } = await this.#connection.run(
      this.#sql.list(name ?? null, status ?? null, step ?? null, idleMs ?? null, after?.updatedAt ?? null, after?.name ?? null, after?.id ?? null, limit, id ?? null),
    )

    return rows.map(sagaOf)
  }

  async get(name: string, id: string): Promise<SagaRow | undefined> {
    const { rows } = await this.#connection.run(this.#sql.get(name, id))

    return rows[0] && sagaOf(rows[0])
  }

  async steps(name: string, id: string): Promise<readonly SagaStep[]> {
    const { rows } = await this.#connection.run(this.#sql.steps(name, id))

    return rows.map(stepOf)
  }

  async history(name: string, id: string): Promise<readonly SagaEntry[]> {
    const { rows } = await this.#connection.run(this.#sql.history(name, id))

    return rows.map((row) => ({ at: numberOf(row['at_ms']), event: textOf(row['event']) }))
  }

  async live(name: string, ended: readonly string[]): Promise<ReadonlyMap<number, number>> {
    const { rows } = await this.#connection.run(this.#sql.live(name, [...ended]))

    return new Map(rows.map((row) => [numberOf(row['definition']), numberOf(row['count'])]))
  }

  async begun(name: string, definition: number, ended: readonly string[]): Promise<ReadonlyMap<string, number>> {
    const { rows } = await this.#connection.run(this.#sql.begun(name, definition, [...ended]))

    return new Map(rows.map((row) => [textOf(row['step']), numberOf(row['count'])]))
  }

  async counts(name: string, statuses: readonly string[]): Promise<ReadonlyMap<string, number>> {
    const { rows } = await this.#connection.run(this.#sql.counts(name, [...statuses]))

    return new Map(rows.map((row) => [textOf(row['status']), numberOf(row['count'])]))
  }

  async purge(name: string, statuses: readonly string[], keepMs: number): Promise<number> {
    return numberOf((await this.#connection.run(this.#sql.purge(name, [...statuses], keepMs))).rowCount)
  }
}

function valuesOf(saga: SagaRow): unknown[] {
  const { name, id, definition, status, step, state, version, startedAt, updatedAt, deadlineAt, trace } = saga

  return [name, id, definition, status, step ?? null, state, version, startedAt, updatedAt, deadlineAt ?? null, trace ?? null]
}

function sagaOf(row: Row): SagaRow {
  return {
    name: textOf(row['name']),
    id: textOf(row['id']),
    definition: numberOf(row['definition']),
    status: textOf(row['status']),
    step: optionalTextOf(row['step']),
    state: textOf(row['state']),
    version: numberOf(row['version']),
    startedAt: numberOf(row['started_ms']),
    updatedAt: numberOf(row['updated_ms']),
    deadlineAt: optionalNumberOf(row['deadline_ms']),
    trace: optionalTextOf(row['trace']),
  }
}

function stepOf(row: Row): SagaStep {
  return {
    saga: textOf(row['name']),
    id: textOf(row['id']),
    step: textOf(row['step']),
    phase: row['phase'] === 'undo' ? 'undo' : 'do',
    attempt: numberOf(row['attempt']),
    status: textOf(row['status']),
    commandId: optionalTextOf(row['command_id']),
    deadlineAt: optionalNumberOf(row['deadline_ms']),
    result: optionalTextOf(row['result']),
    error: optionalTextOf(row['error']),
  }
}

const ms = (column: string): string => `round(extract(epoch FROM ${column}) * 1000)`
const moment = (parameter: string): string => `to_timestamp(${parameter}::float8 / 1000)`

function sqlOf(prepare: Prepare) {
  const saga = `name, id, definition, status, step, state::text, version, ${ms('started_at')} AS started_ms, ${ms('updated_at')} AS updated_ms, ${ms('deadline_at')} AS deadline_ms, trace`
  const step = `name, id, step, phase, attempt, status, command_id, ${ms('deadline_at')} AS deadline_ms, result::text, error::text`

  return {
    insert: prepare(`
      INSERT INTO {}.saga (name, id, definition, status, step, state, version, started_at, updated_at, deadline_at, trace)
      VALUES ($1, $2, $3, $4, $5, $6, $7, ${moment('$8')}, ${moment('$9')}, ${moment('$10')}, $11) ON CONFLICT DO NOTHING RETURNING id`),
    load: prepare(`SELECT ${saga} FROM {}.saga WHERE name = $1 AND id = $2 FOR UPDATE`),
    get: prepare(`SELECT ${saga} FROM {}.saga WHERE name = $1 AND id = $2`),
    save: prepare(`
      UPDATE {}.saga SET definition = $3, status = $4, step = $5, state = $6, version = $7 + 1, started_at = ${moment('$8')}, updated_at = ${moment('$9')},
        deadline_at = ${moment('$10')}, trace = $11 WHERE name = $1 AND id = $2 AND version = $7 RETURNING id`),
    find: prepare('SELECT id FROM {}.saga_correlation WHERE name = $1 AND key_name = $2 AND key_value = $3'),
    correlate: prepare('INSERT INTO {}.saga_correlation (name, key_name, key_value, id) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING RETURNING id'),
    steps: prepare(`SELECT ${step} FROM {}.saga_step WHERE name = $1 AND id = $2 ORDER BY n`),
    loadBy: prepare(`SELECT ${saga} FROM {}.saga WHERE name = $1 AND id = (SELECT id FROM {}.saga_step WHERE command_id = $2 AND name = $1) FOR UPDATE`),
    stepsBy: prepare(`SELECT ${step} FROM {}.saga_step WHERE name = $1 AND id = (SELECT id FROM {}.saga_step WHERE command_id = $2 AND name = $1) ORDER BY n`),
    saveSteps: prepare(`
      INSERT INTO {}.saga_step (name, id, step, phase, attempt, status, command_id, deadline_at, result, error)
      SELECT $1, $2, s.step, s.phase, s.attempt, s.status, s.command_id, to_timestamp(s.deadline_ms / 1000), s.result, s.error
      FROM unnest($3::text[], $4::text[], $5::int[], $6::text[], $7::text[], $8::float8[], $9::json[], $10::json[])
        WITH ORDINALITY AS s (step, phase, attempt, status, command_id, deadline_ms, result, error, n) ORDER BY s.n
      ON CONFLICT (name, id, step, phase, attempt) DO UPDATE
        SET status = excluded.status, command_id = excluded.command_id, deadline_at = excluded.deadline_at, result = excluded.result, error = excluded.error`),
    append: prepare(`
      INSERT INTO {}.saga_log (name, id, at, event)
      SELECT $1, $2, to_timestamp(e.ms / 1000), e.event FROM unnest($3::float8[], $4::json[]) WITH ORDINALITY AS e (ms, event, n) ORDER BY e.n`),
    history: prepare(`SELECT ${ms('at')} AS at_ms, event::text FROM {}.saga_log WHERE name = $1 AND id = $2 ORDER BY n`),
    list: prepare(`
      SELECT ${saga} FROM {}.saga
      WHERE ($1::text IS NULL OR name = $1) AND ($2::text IS NULL OR status = $2) AND ($3::text IS NULL OR step = $3)
        AND ($9::text IS NULL OR id = $9) AND ($4::float8 IS NULL OR updated_at <= clock_timestamp() - $4 * interval '1 ms')
        AND ($5::float8 IS NULL OR (updated_at, name, id) > (${moment('$5')}, $6::text, $7::text))
      ORDER BY updated_at, name, id LIMIT $8`),
    live: prepare('SELECT definition, count(*) AS count FROM {}.saga WHERE name = $1 AND status <> ALL ($2::text[]) GROUP BY definition'),
    begun: prepare(`
      SELECT t.step, count(DISTINCT t.id) AS count FROM {}.saga s JOIN {}.saga_step t ON t.name = s.name AND t.id = s.id
      WHERE s.name = $1 AND s.definition = $2 AND s.status <> ALL ($3::text[]) AND t.phase = 'do' AND t.command_id IS NOT NULL GROUP BY t.step`),
    counts: prepare('SELECT status, count(*) AS count FROM {}.saga WHERE name = $1 AND status = ANY ($2::text[]) GROUP BY status'),
    purge: prepare(`DELETE FROM {}.saga WHERE name = $1 AND status = ANY ($2::text[]) AND updated_at < clock_timestamp() - $3::float8 * interval '1 ms'`),
  }
}
