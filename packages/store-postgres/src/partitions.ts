import { explainOwn, isWithoutPartition, sqlStateOf } from './database-error.js'
import type { Connection } from './connection.js'
import type { Row } from './options.js'
import type { Session } from './session.js'
import { cluster, numberOf, type Prepare, type Schema } from './statement.js'
import { partitionRows } from './tables.js'

const dayMs = 86_400_000

/**
 * The parts that outbox and inbox are cut into, so that what is done with is dropped whole and never deleted row by row. They are named by what they hold:
 * `outbox_<n>` the n-th half million of places, `inbox_<n>` the ids of the n-th day since 1970.
 */
export class Partitions {
  readonly #connection: Connection
  readonly #schema: Schema
  readonly #sql: ReturnType<typeof sqlOf>

  constructor(connection: Connection, schema: Schema, prepare: Prepare) {
    this.#connection = connection
    this.#schema = schema
    this.#sql = sqlOf(prepare)
  }

  /** Makes those that will be needed next, and those that are missing. */
  async extend(): Promise<void> {
    await this.#connection.use(async (session) => {
      const missing = await this.#missing(session)
      if (missing.length > 0) await this.#make(session)
    })
  }

  /** Makes what is missing when a row found no place: what failed by it is a conflict, and runs again. */
  async mend(error: unknown): Promise<void> {
    if (isWithoutPartition(causeOf(error))) await this.extend()
  }

  /** Drops the parts of the outbox that every relay is over. Resolves with how many. */
  async dropPublished(): Promise<number> {
    const { current, outbox } = await this.#present()
    let dropped = 0
    for (const n of outbox.filter((one) => one < current - 1)) if (await this.#dropOutbox(n)) dropped++

    return dropped
  }

  /** Drops the days of the inbox that are to be forgotten. An id is up to two days old when it enters its day. */
  async dropDays(keepMs: number): Promise<number> {
    const { now, inbox } = await this.#present()
    let dropped = 0
    for (const day of inbox.filter((one) => (one + 2) * dayMs <= now - keepMs)) if (await this.#drop('inbox', day)) dropped++

    return dropped
  }

  async #dropOutbox(n: number): Promise<boolean> {
    const strangers = await this.#connection.run({ text: this.#sql.strangers.text.replaceAll('PART', `outbox_${n}`) })

    return strangers.rows[0]?.['found'] === false && this.#drop('outbox', n)
  }

  /** In the lock: whoever still writes holds one that is in its way, so nothing is under way when it is had. Not had at once, it is left for the next time. */
  async #drop(table: 'outbox' | 'inbox', n: number): Promise<boolean> {
    const part = `"${this.#schema.name}".${table}_${n}`

    return this.#connection.use(async (session) => {
      try {
        await session.runAll([
          { text: 'BEGIN' },
          { text: `SET LOCAL lock_timeout = '100ms'` },
          { text: `LOCK TABLE ONLY "${this.#schema.name}".${table} IN ACCESS EXCLUSIVE MODE` },
        ])
        const isNeeded = table === 'outbox' && (await session.run({ text: this.#sql.unpublished.text.replaceAll('PART', `outbox_${n}`) })).rows[0]?.['found'] !== false
        if (!isNeeded) await session.run({ text: `DROP TABLE IF EXISTS ${part}` })
        await session.send({ text: 'COMMIT' })

        return !isNeeded
      } catch (error) {
        await session.send({ text: 'ROLLBACK' }).catch(() => session.cut())
        if (sqlStateOf(error) === '55P03' || sqlStateOf(error) === '40P01' || sqlStateOf(causeOf(error)) === '40P01') return false
        throw explainOwn(error)
      }
    })
  }

  async #make(session: Session): Promise<void> {
    try {
      await session.runAll([{ text: 'BEGIN' }, { text: `SELECT pg_advisory_xact_lock(hashtext('waybill partitions'), hashtext($1))`, values: [this.#schema.name] }])
      for (const text of await this.#missing(session)) await session.run({ text })
      await session.run({ text: 'COMMIT' })
    } catch (error) {
      await session.send({ text: 'ROLLBACK' }).catch(() => session.cut())
      throw error
    }
  }

  async #missing(session: Session): Promise<readonly string[]> {
    const { current, today, outbox, inbox } = presentOf((await session.run(this.#sql.present())).rows[0])
    const rows = [current, current + 1, current + 2].filter((n) => !outbox.includes(n)).map((n) => [n, n * partitionRows, (n + 1) * partitionRows] as const)
    const days = [today - 1, today, today + 1, today + 2].filter((n) => !inbox.includes(n)).map((n) => [n, `'${dateOf(n)}'`, `'${dateOf(n + 1)}'`] as const)

    return [...rows.flatMap(([n, from, to]) => this.#attaching('outbox', n, from, to)), ...days.flatMap(([n, from, to]) => this.#attaching('inbox', n, from, to))]
  }

  // Attaching a table that stands beside lets writers go on; making it in its place would stop them.
  #attaching(table: string, n: number, from: number | string, to: number | string): readonly string[] {
    const whole = `"${this.#schema.name}".${table}`

    return [
      `CREATE TABLE ${whole}_${n} (LIKE ${whole} INCLUDING DEFAULTS INCLUDING CONSTRAINTS INCLUDING INDEXES)`,
      `ALTER TABLE ${whole} ATTACH PARTITION ${whole}_${n} FOR VALUES FROM (${from}) TO (${to})`,
    ]
  }

  async #present(): Promise<Present> {
    return presentOf((await this.#connection.run(this.#sql.present())).rows[0])
  }
}

interface Present {
  /** Of the place that was drawn last. */
  readonly current: number
  readonly today: number
  readonly now: number
  readonly outbox: readonly number[]
  readonly inbox: readonly number[]
}

function presentOf(row: Row | undefined): Present {
  const now = numberOf(row?.['now'])
  const numbers = (found: unknown): readonly number[] => (Array.isArray(found) ? found.map(Number) : [])

  return {
    current: Math.floor(numberOf(row?.['last']) / partitionRows),
    today: Math.floor(now / dayMs),
    now,
    outbox: numbers(row?.['outbox']),
    inbox: numbers(row?.['inbox']),
  }
}

const dateOf = (day: number): string => new Date(day * dayMs).toISOString().slice(0, 10)

const causeOf = (error: unknown): unknown => (error instanceof Error ? error.cause : undefined)

function sqlOf(prepare: Prepare) {
  const parts = (table: string): string =>
    `ARRAY(SELECT substring(c.relname FROM '_(\\d+)$')::int FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid WHERE i.inhparent = '{}.${table}'::regclass ORDER BY 1)`

  return {
    present: prepare(`
      SELECT (SELECT last_value FROM {}.outbox_seq) AS last, floor(extract(epoch FROM clock_timestamp()) * 1000) AS now,
        ${parts('outbox')} AS outbox, ${parts('inbox')} AS inbox`),
    /** Rows of a shard that never had a relay. */
    strangers: prepare(`SELECT EXISTS (SELECT FROM {}.PART WHERE shard <> ALL (ARRAY(SELECT shard FROM {}.outbox_cursor))) AS found`),
    /** What a relay is not over has a number from the lowest on that was open when its last window closed: few rows are looked at. Of a restored copy nobody knows. */
    unpublished: prepare(`
      SELECT EXISTS (SELECT FROM {}.outbox_cursor WHERE cluster <> ${cluster}) OR EXISTS (SELECT FROM {}.outbox_cursor c JOIN {}.PART o ON o.shard = c.shard WHERE o.xid >= pg_snapshot_xmin(c.prev) AND NOT pg_visible_in_snapshot(o.xid, c.prev)) AS found`),
  }
}
