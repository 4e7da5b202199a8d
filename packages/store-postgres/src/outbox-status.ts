import type { ShardStatus } from '@waybill/core'
import type { Connection } from './connection.js'
import type { Row } from './options.js'
import { numberOf, optionalNumberOf, optionalTextOf, type Prepare, textOf } from './statement.js'

/** So many rows are looked at from where a shard is, and so many from the newest back. */
export const sampleRows = 2_000

/** How far each shard is, at a cost that depends neither on what is kept nor on what waits. */
export class OutboxStatus {
  readonly #connection: Connection
  readonly #sql: ReturnType<Prepare>

  constructor(connection: Connection, prepare: Prepare) {
    this.#connection = connection
    this.#sql = prepare(statusText)
  }

  async read(shards: readonly string[]): Promise<readonly ShardStatus[]> {
    const { rows } = await this.#connection.run(this.#sql([...shards], sampleRows))

    return rows.map(statusOf)
  }
}

function statusOf(row: Row): ShardStatus {
  return {
    shard: textOf(row['shard']),
    pending: numberOf(row['pending']),
    oldestMs: optionalNumberOf(row['oldest_ms']),
    parked: numberOf(row['parked']),
    isPaused: row['is_paused'] === true,
    owner: optionalTextOf(row['owner']),
    epoch: numberOf(row['epoch']),
  }
}

/**
 * `front`: the rows from the place on up to which everything is dealt with, of all shards, because only places have an index that bounds the work. Where they reach the end, the count is exact.
 * Where they do not, the rest is counted by its places, times the share of the newest that wait. `early`: what transactions wrote below that place that were open when it was reached.
 */
const statusText = `
  SELECT s.shard, coalesce(c.is_paused, false) AS is_paused, coalesce(c.epoch, 0) AS epoch, CASE WHEN c.lease_until > clock_timestamp() THEN c.owner END AS owner,
    (SELECT count(*) FROM {}.outbox_parked p WHERE p.shard = s.shard) AS parked,
    front.waiting + early.waiting + CASE WHEN front.looked < $2 THEN 0 ELSE round((newest.place - front.place) * newest.share)::bigint END AS pending,
    round(extract(epoch FROM clock_timestamp() - least(front.since, early.since)) * 1000) AS oldest_ms
  FROM unnest($1::text[]) WITH ORDINALITY AS s (shard, n)
  LEFT JOIN {}.outbox_cursor c ON c.shard = s.shard
  CROSS JOIN LATERAL (SELECT coalesce(c.prev, '3:3:') AS prev, greatest(c.floor, CASE WHEN c.win IS NOT NULL THEN c.pos END, 0) AS start) AS at
  CROSS JOIN LATERAL (
    SELECT count(*) AS looked, max(seq) AS place, count(*) FILTER (WHERE waits) AS waiting, min(stored_at) FILTER (WHERE waits) AS since
    FROM (
      SELECT o.seq, o.stored_at, o.shard = s.shard AND NOT pg_visible_in_snapshot(o.xid, at.prev) AS waits FROM {}.outbox o WHERE o.seq > at.start ORDER BY o.seq LIMIT $2
    ) AS looked_at
  ) AS front
  CROSS JOIN LATERAL (
    SELECT max(seq) AS place, count(*) FILTER (WHERE waits)::float8 / greatest(count(*), 1) AS share
    FROM (
      SELECT o.seq, o.shard = s.shard AND NOT pg_visible_in_snapshot(o.xid, at.prev) AS waits FROM {}.outbox o WHERE o.seq > at.start ORDER BY o.seq DESC LIMIT $2
    ) AS looked_at
  ) AS newest
  CROSS JOIN LATERAL (
    SELECT count(*) AS waiting, min(stored_at) AS since
    FROM (
      SELECT o.stored_at FROM {}.outbox o
      WHERE o.xid = ANY (ARRAY(SELECT pg_snapshot_xip(at.prev) UNION SELECT pg_snapshot_xip(c.win))) AND o.shard = s.shard AND o.seq <= at.start
        AND NOT pg_visible_in_snapshot(o.xid, at.prev) AND NOT (c.win IS NOT NULL AND o.seq <= c.pos AND pg_visible_in_snapshot(o.xid, c.win))
      LIMIT $2
    ) AS looked_at
  ) AS early
  ORDER BY s.n`
