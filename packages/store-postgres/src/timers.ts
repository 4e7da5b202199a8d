import type { SagaChange, Timer, TimerFilter, TimerStore, TransactionTimers as TimersWithin } from '@waybill/core'
import type { Connection } from './connection.js'
import type { Row, Statement } from './options.js'
import { bufferOf } from './outbox-writer.js'
import type { Runner } from './runner.js'
import { bytesOf, numberOf, type Prepare, textOf } from './statement.js'

/** The statements about timers of one schema. */
export class TimerStatements {
  readonly sql: ReturnType<typeof sqlOf>

  constructor(prepare: Prepare) {
    this.sql = sqlOf(prepare)
  }

  /** Those that write them; of one id the last wins. */
  arming(timers: readonly Timer[]): readonly Statement[] {
    const last = [...new Map(timers.map((timer) => [timer.id, timer])).values()]
    if (last.length === 0) return []
    const rows = last.map(({ id, dueAt, target, subject, payload }) => [id, dueAt, target, subject, bufferOf(payload)])

    return [this.sql.arm(...[0, 1, 2, 3, 4].map((column) => rows.map((row) => row[column])))]
  }

  disarming(filter: SagaChange['disarm']): readonly Statement[] {
    if (!filter) return []

    return ['subject' in filter ? this.sql.disarmAll(filter.target, filter.subject) : this.sql.disarm(filter.ids)]
  }
}

/** The timers within an open transaction. */
export class TransactionTimers implements TimersWithin {
  readonly #runner: Runner
  readonly #statements: TimerStatements

  constructor(runner: Runner, statements: TimerStatements) {
    this.#runner = runner
    this.#statements = statements
  }

  async arm(timers: readonly Timer[]): Promise<void> {
    for (const statement of this.#statements.arming(timers)) await this.#runner.run(statement)
  }

  async move(id: string, dueAt: number, from?: number): Promise<boolean> {
    return (await this.#runner.run(this.#statements.sql.move(id, dueAt, from ?? null))).rows.length === 1
  }

  async cancel(filter: TimerFilter): Promise<readonly string[]> {
    const { rows } = await this.#runner.run(this.#statements.sql.cancel(...valuesOf(filter)))

    return rows.map((row) => textOf(row['id']))
  }

  async takeDue(targets: readonly string[], limit: number): Promise<readonly Timer[]> {
    const { rows } = await this.#runner.run(this.#statements.sql.takeDue([...targets], limit))

    return rows.map(timerOf).sort((a, b) => a.dueAt - b.dueAt || (a.id < b.id ? -1 : 1))
  }
}

/** What is to happen at a moment. */
export class Timers implements TimerStore {
  readonly #connection: Connection
  readonly #statements: TimerStatements

  constructor(connection: Connection, statements: TimerStatements) {
    this.#connection = connection
    this.#statements = statements
  }

  async list(filter: TimerFilter, limit: number): Promise<readonly Timer[]> {
    const { rows } = await this.#connection.run(this.#statements.sql.list(...valuesOf(filter), limit))

    return rows.map(timerOf)
  }

  async nextDueMs(targets: readonly string[]): Promise<number | undefined> {
    const { rows } = await this.#connection.run(this.#statements.sql.next([...targets]))
    const ms = rows[0]?.['ms']

    return ms === null || ms === undefined ? undefined : Math.max(0, Math.ceil(Number(ms)))
  }
}

function valuesOf({ target, subject, ids }: TimerFilter): unknown[] {
  return [target ?? null, subject ?? null, ids ? [...ids] : null]
}

function timerOf(row: Row): Timer {
  return { id: textOf(row['id']), dueAt: numberOf(row['due_ms']), target: textOf(row['target']), subject: textOf(row['subject']), payload: bytesOf(row['payload']) }
}

// A plan that is kept for any number of rows would read the whole table for IN (SELECT …); an array is looked up by the index.
function sqlOf(prepare: Prepare) {
  const columns = 'id, round(extract(epoch FROM due_at) * 1000) AS due_ms, target, subject, payload'
  const matching = '($1::text IS NULL OR target = $1) AND ($2::text IS NULL OR subject = $2) AND ($3::text[] IS NULL OR id = ANY ($3))'

  return {
    arm: prepare(`
      INSERT INTO {}.timer (id, due_at, target, subject, payload)
      SELECT t.id, to_timestamp(t.due_ms / 1000), t.target, t.subject, t.payload
      FROM unnest($1::text[], $2::float8[], $3::text[], $4::text[], $5::bytea[]) AS t (id, due_ms, target, subject, payload) ORDER BY t.id
      ON CONFLICT (id) DO UPDATE SET due_at = excluded.due_at, target = excluded.target, subject = excluded.subject, payload = excluded.payload`),
    move: prepare(`
      UPDATE {}.timer SET due_at = to_timestamp($2::float8 / 1000)
      WHERE id = $1 AND ($3::float8 IS NULL OR round(extract(epoch FROM due_at) * 1000) = $3) RETURNING id`),
    cancel: prepare(`DELETE FROM {}.timer WHERE ${matching} RETURNING id`),
    disarm: prepare('DELETE FROM {}.timer WHERE id = ANY (ARRAY(SELECT id FROM {}.timer WHERE id = ANY ($1::text[]) FOR UPDATE SKIP LOCKED))'),
    disarmAll: prepare('DELETE FROM {}.timer WHERE id = ANY (ARRAY(SELECT id FROM {}.timer WHERE target = $1 AND subject = $2 FOR UPDATE SKIP LOCKED))'),
    takeDue: prepare(`
      DELETE FROM {}.timer WHERE id = ANY (ARRAY(
        SELECT due.id FROM unnest($1::text[]) AS t (target) CROSS JOIN LATERAL (
          SELECT id, due_at FROM {}.timer WHERE target = t.target AND due_at <= statement_timestamp() ORDER BY due_at LIMIT $2 FOR UPDATE SKIP LOCKED
        ) AS due ORDER BY due.due_at, due.id LIMIT $2
      )) RETURNING ${columns}`),
    list: prepare(`SELECT ${columns} FROM {}.timer WHERE ${matching} ORDER BY due_at, id LIMIT $4`),
    next: prepare(`
      SELECT extract(epoch FROM min(next.due_at) - clock_timestamp()) * 1000 AS ms FROM unnest($1::text[]) AS t (target)
      CROSS JOIN LATERAL (SELECT due_at FROM {}.timer WHERE target = t.target ORDER BY due_at LIMIT 1) AS next`),
  }
}
