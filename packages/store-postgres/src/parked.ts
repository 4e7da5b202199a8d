import type { Lease, ParkedFilter, ParkedMessage, Parking } from '@waybill/core'
import type { Connection } from './connection.js'
import type { Row, Statement } from './options.js'
import { rowColumns, rowOf } from './outbox-page.js'
import { bufferOf } from './outbox-writer.js'
import type { Session } from './session.js'
import { numberOf, type Prepare, textOf } from './statement.js'

/** What could not be sent, beside the outbox. */
export class Parked {
  readonly #connection: Connection
  readonly #sql: ReturnType<typeof sqlOf>

  constructor(connection: Connection, prepare: Prepare) {
    this.#connection = connection
    this.#sql = sqlOf(prepare)
  }

  /** The statement that puts rows there. */
  parking(shard: string, parked: readonly Parking[]): readonly Statement[] {
    if (parked.length === 0) return []

    return [
      this.#sql.park(
        shard,
        ...columnsOf(parked, ({ row }) => [row.seq, row.id, row.key ?? null, row.destination, row.head, bufferOf(row.body), row.expiresAt ?? null, row.storedAt], 8),
        ...columnsOf(parked, ({ code, reason }) => [code, reason], 2),
      ),
    ]
  }

  async keys(shard: string): Promise<readonly string[]> {
    const { rows } = await this.#connection.run(this.#sql.keys(shard))

    return rows.map((row) => textOf(row['key']))
  }

  async released(lease: Lease, limit: number): Promise<readonly ParkedMessage[]> {
    const { rows } = await this.#connection.run(this.#sql.released(lease.shard, limit))

    return rows.map(parkedOf)
  }

  /** Within a transaction that holds the lease's row. */
  async settle(session: Session, { shard }: Lease, sent: readonly bigint[], failed: readonly Parking[]): Promise<void> {
    const statements = [
      ...(sent.length > 0 ? [this.#sql.remove(shard, sent.map(String))] : []),
      ...(failed.length > 0
        ? [
            this.#sql.fail(
              shard,
              failed.map(({ row }) => String(row.seq)),
              failed.map(({ code }) => code),
              failed.map(({ reason }) => reason),
            ),
          ]
        : []),
    ]
    if (statements.length > 0) await session.runAll(statements)
  }

  async list(filter: ParkedFilter, limit: number): Promise<readonly ParkedMessage[]> {
    const { rows } = await this.#connection.run(this.#sql.list(...valuesOf(filter), limit))

    return rows.map(parkedOf)
  }

  async retry(filter: ParkedFilter): Promise<number> {
    return numberOf((await this.#connection.run(this.#sql.retry(...valuesOf(filter)))).rowCount)
  }

  async edit(shard: string, seq: bigint, { head, body }: { readonly head?: string | undefined; readonly body?: Uint8Array | undefined }): Promise<boolean> {
    const { rowCount } = await this.#connection.run(this.#sql.edit(shard, String(seq), head ?? null, body ? bufferOf(body) : null))

    return rowCount === 1
  }

  async discard(filter: ParkedFilter): Promise<readonly ParkedMessage[]> {
    const { rows } = await this.#connection.run(this.#sql.discard(...valuesOf(filter)))

    return rows.map(parkedOf).sort((a, b) => (a.seq < b.seq ? -1 : 1))
  }
}

function columnsOf<T>(items: readonly T[], values: (item: T) => readonly unknown[], count: number): unknown[] {
  const rows = items.map(values)

  return Array.from({ length: count }, (_, column) => rows.map((row) => (typeof row[column] === 'bigint' ? String(row[column]) : row[column])))
}

function valuesOf({ shard, ids, key, code }: ParkedFilter): unknown[] {
  return [shard ?? null, ids ? [...ids] : null, key ?? null, code ?? null]
}

function parkedOf(row: Row): ParkedMessage {
  return { ...rowOf(row), code: textOf(row['code']), reason: textOf(row['reason']), parkedAt: numberOf(row['parked_ms']), isRetried: row['is_retried'] === true }
}

function sqlOf(prepare: Prepare) {
  const columns = `shard, ${rowColumns}, code, reason, round(extract(epoch FROM parked_at) * 1000) AS parked_ms, is_retried`
  const matching = `($1::text IS NULL OR shard = $1) AND ($2::text[] IS NULL OR id = ANY ($2)) AND ($3::text IS NULL OR key = $3) AND ($4::text IS NULL OR code = $4)`

  return {
    park: prepare(`
      INSERT INTO {}.outbox_parked (shard, seq, id, key, destination, head, body, expires_at, stored_at, code, reason)
      SELECT $1, p.seq, p.id, p.key, p.destination, p.head, p.body, to_timestamp(p.expires_ms / 1000), to_timestamp(p.stored_ms / 1000), p.code, p.reason
      FROM unnest($2::bigint[], $3::text[], $4::text[], $5::text[], $6::text[], $7::bytea[], $8::float8[], $9::float8[], $10::text[], $11::text[])
        AS p (seq, id, key, destination, head, body, expires_ms, stored_ms, code, reason)
      ON CONFLICT DO NOTHING`),
    keys: prepare('SELECT DISTINCT key FROM {}.outbox_parked WHERE shard = $1 AND key IS NOT NULL ORDER BY key'),
    // Of a key the line from its first on that may go; without a key each stands for itself.
    released: prepare(`
      SELECT ${columns} FROM (
        SELECT p.*, bool_and(is_retried OR code = 'BEHIND') OVER (PARTITION BY key, CASE WHEN key IS NULL THEN seq END ORDER BY seq) AS is_free
        FROM {}.outbox_parked p WHERE shard = $1
      ) AS line WHERE is_free ORDER BY seq LIMIT $2`),
    remove: prepare('DELETE FROM {}.outbox_parked WHERE shard = $1 AND seq = ANY ($2::bigint[])'),
    fail: prepare(`
      UPDATE {}.outbox_parked p SET code = f.code, reason = f.reason, is_retried = false, parked_at = statement_timestamp()
      FROM unnest($2::bigint[], $3::text[], $4::text[]) AS f (seq, code, reason) WHERE p.shard = $1 AND p.seq = f.seq`),
    list: prepare(`SELECT ${columns} FROM {}.outbox_parked WHERE ${matching} ORDER BY seq LIMIT $5`),
    retry: prepare(`UPDATE {}.outbox_parked SET is_retried = true WHERE ${matching}`),
    edit: prepare('UPDATE {}.outbox_parked SET head = coalesce($3, head), body = coalesce($4, body) WHERE shard = $1 AND seq = $2'),
    discard: prepare(`DELETE FROM {}.outbox_parked WHERE ${matching} RETURNING ${columns}`),
  }
}
