import {
  type Lease,
  type OutboxMessage,
  type OutboxPage,
  type OutboxStore,
  type PageRequest,
  type ParkedFilter,
  type ParkedMessage,
  type Parking,
  type Progress,
  type ShardStatus,
  StoreConflict,
  WaybillError,
} from '@waybill/core'
import type { Announcer } from './announcer.js'
import type { Connection } from './connection.js'
import type { Statement } from './options.js'
import { OutboxPages } from './outbox-page.js'
import { OutboxStatus } from './outbox-status.js'
import type { OutboxWriter } from './outbox-writer.js'
import { Parked } from './parked.js'
import type { Partitions } from './partitions.js'
import type { Session } from './session.js'
import { cluster, type Prepare, textOf } from './statement.js'

export interface OutboxParts {
  readonly connection: Connection
  readonly prepare: Prepare
  readonly writer: OutboxWriter
  readonly partitions: Partitions
  readonly announcer: Announcer
}

/** The rows that wait for a broker, in PostgreSQL. */
export class Outbox implements OutboxStore {
  readonly #parts: OutboxParts
  readonly #pages: OutboxPages
  readonly #parked: Parked
  readonly #status: OutboxStatus
  readonly #sql: ReturnType<typeof sqlOf>

  constructor(parts: OutboxParts) {
    this.#parts = parts
    this.#pages = new OutboxPages(parts.connection, parts.prepare)
    this.#parked = new Parked(parts.connection, parts.prepare)
    this.#status = new OutboxStatus(parts.connection, parts.prepare)
    this.#sql = sqlOf(parts.prepare)
  }

  async append(messages: readonly OutboxMessage[]): Promise<void> {
    if (messages.length === 0) return
    const statements = [{ text: 'BEGIN' }, ...this.#parts.writer.writing(messages)]
    try {
      await this.#transact((session) => session.commitWith(statements))
    } catch (error) {
      if (!(error instanceof StoreConflict)) throw error
      await this.#parts.partitions.mend(error)
      await this.#transact((session) => session.commitWith(statements))
    }
  }

  /** What a restored copy would hide or send twice is not read before somebody has said so. */
  async refuseRestored(): Promise<void> {
    const { rows } = await this.#parts.connection.run(this.#sql.restored())
    if (rows.length > 0) throw restored(rows.map((row) => textOf(row['shard'])))
  }

  /** Begins anew where this is a restored copy. Resolves with the shards. */
  async rebaseRestored(): Promise<readonly string[]> {
    const { rows } = await this.#parts.connection.run(this.#sql.restored())
    const shards = rows.map((row) => textOf(row['shard']))
    for (const shard of shards) await this.#rebase(shard, this.#sql.restartRestored(shard))

    return shards
  }

  async lease(shard: string, owner: string, ttlMs: number): Promise<Lease | undefined> {
    const { connection } = this.#parts
    const take = async () => (await connection.run(this.#sql.lease(shard, owner, ttlMs))).rows[0]
    let found = await take()
    if (!found && (await connection.run(this.#sql.add(shard))).rowCount === 1) found = await take()
    if (found && found['is_restored'] === true) {
      await this.release({ shard, owner, epoch: BigInt(textOf(found['epoch'])) })
      throw restored([shard])
    }

    return found && { shard, owner, epoch: BigInt(textOf(found['epoch'])) }
  }

  async renew({ shard, epoch }: Lease, ttlMs: number): Promise<boolean> {
    return (await this.#parts.connection.run(this.#sql.renew(shard, String(epoch), ttlMs))).rowCount === 1
  }

  async release({ shard, epoch }: Lease): Promise<void> {
    await this.#parts.connection.run(this.#sql.release(shard, String(epoch)))
  }

  page(lease: Lease, request: PageRequest): Promise<OutboxPage> {
    return this.#pages.page(lease, request)
  }

  async advance(lease: Lease, progress: Progress): Promise<boolean> {
    const { prev, floor, win, winFloor, pos, drawn } = this.#pages.placeAfter(progress)
    const advance = this.#sql.advance(lease.shard, String(lease.epoch), prev, String(floor), win ?? null, String(winFloor), String(pos), String(drawn))
    if (progress.parked.length === 0) return (await this.#parts.connection.run(advance)).rowCount === 1

    return this.#transact(async (session) => {
      await session.run({ text: 'BEGIN' })
      const isOurs = (await session.run(advance)).rowCount === 1
      await session.commitWith(isOurs ? this.#parked.parking(lease.shard, progress.parked) : [])

      return isOurs
    })
  }

  parkedKeys(shard: string): Promise<readonly string[]> {
    return this.#parked.keys(shard)
  }

  released(lease: Lease, limit: number): Promise<readonly ParkedMessage[]> {
    return this.#parked.released(lease, limit)
  }

  async unpark(lease: Lease, sent: readonly bigint[], failed: readonly Parking[]): Promise<boolean> {
    return this.#transact(async (session) => {
      const [, held] = await session.runAll([{ text: 'BEGIN' }, this.#sql.hold(lease.shard, String(lease.epoch))])
      if (held?.rows.length === 1) await this.#parked.settle(session, lease, sent, failed)
      await session.commitWith([])

      return held?.rows.length === 1
    })
  }

  parked(filter: ParkedFilter, limit: number): Promise<readonly ParkedMessage[]> {
    return this.#parked.list(filter, limit)
  }

  retry(filter: ParkedFilter): Promise<number> {
    return this.#parked.retry(filter)
  }

  edit(shard: string, seq: bigint, changed: { readonly head?: string | undefined; readonly body?: Uint8Array | undefined }): Promise<boolean> {
    return this.#parked.edit(shard, seq, changed)
  }

  discard(filter: ParkedFilter): Promise<readonly ParkedMessage[]> {
    return this.#parked.discard(filter)
  }

  async pause(shard: string, isPaused: boolean): Promise<void> {
    await this.#parts.connection.run(this.#sql.add(shard))
    await this.#parts.connection.run(this.#sql.pause(shard, isPaused))
  }

  rebase(shard: string): Promise<void> {
    return this.#rebase(shard, this.#sql.restart(shard))
  }

  async clean(): Promise<number | undefined> {
    await this.#parts.partitions.extend()
    await this.#parts.partitions.dropPublished()

    return undefined
  }

  status(shards: readonly string[]): Promise<readonly ShardStatus[]> {
    return this.#status.read(shards)
  }

  announce(shards: readonly string[]): Promise<void> {
    return this.#parts.announcer.announce(shards)
  }

  watch(heard: (shard: string) => void): () => void {
    return this.#parts.announcer.watch(heard)
  }

  #rebase(shard: string, restart: Statement): Promise<void> {
    return this.#transact(async (session) => {
      await session.runAll([{ text: 'BEGIN' }, { text: 'SET LOCAL statement_timeout = 0' }, this.#sql.add(shard)])
      // The row first: a relay that still runs is fenced before anything moves.
      const { rowCount } = await session.run(restart)
      await session.commitWith(rowCount === 1 ? [this.#sql.renumber(shard)] : [])
    })
  }

  /** What the work throws rolls back. */
  async #transact<T>(work: (session: Session) => Promise<T>): Promise<T> {
    return this.#parts.connection.use(async (session) => {
      try {
        return await work(session)
      } catch (error) {
        await session.send({ text: 'ROLLBACK' }).catch(() => session.cut())
        throw error
      }
    })
  }
}

function restored(shards: readonly string[]): WaybillError {
  const names = shards.map((shard) => `"${shard}"`).join(', ')

  return new WaybillError(
    'OUTBOX_RESTORED',
    `The outbox of ${names} was last read in another database cluster: this one is a restored or moved copy, in which the numbers of transactions begin anew, so rows would stay hidden. ` +
      'Make sure that nobody writes to the old one any more, then start with postgres({ restored: "rebase" }), or call rebase() of the outbox in an app that runs. What was sent since the copy was made may be sent again, under the same ids.',
  )
}

function sqlOf(prepare: Prepare) {
  const until = `clock_timestamp() + $3::float8 * interval '1 ms'`
  const restart = `
    UPDATE {}.outbox_cursor SET epoch = epoch + 1, owner = NULL, lease_until = '-infinity', prev = '3:3:', floor = 0, win = NULL, win_floor = NULL, pos = 0, mark_floor = 0, mark_xid = pg_current_xact_id(), cluster = ${cluster}
    WHERE shard = $1`

  return {
    restored: prepare(`SELECT shard FROM {}.outbox_cursor WHERE cluster <> ${cluster} ORDER BY shard`),
    lease: prepare(`
      UPDATE {}.outbox_cursor SET epoch = epoch + 1, owner = $2, lease_until = ${until} WHERE shard = $1 AND lease_until <= clock_timestamp()
      RETURNING epoch, cluster <> ${cluster} AS is_restored`),
    add: prepare(`INSERT INTO {}.outbox_cursor (shard, cluster) SELECT $1, ${cluster} ON CONFLICT DO NOTHING`),
    renew: prepare(`UPDATE {}.outbox_cursor SET lease_until = ${until} WHERE shard = $1 AND epoch = $2 AND cluster = ${cluster}`),
    release: prepare(`UPDATE {}.outbox_cursor SET lease_until = '-infinity', owner = NULL WHERE shard = $1 AND epoch = $2`),
    hold: prepare('SELECT 1 AS held FROM {}.outbox_cursor WHERE shard = $1 AND epoch = $2 FOR UPDATE'),
    advance: prepare(`
      UPDATE {}.outbox_cursor SET prev = $3::pg_snapshot, floor = $4, win = $5::pg_snapshot, win_floor = $6, pos = $7, mark_floor = $8, mark_xid = pg_current_xact_id() WHERE shard = $1 AND epoch = $2`),
    pause: prepare('UPDATE {}.outbox_cursor SET is_paused = $2 WHERE shard = $1'),
    restart: prepare(restart),
    restartRestored: prepare(`${restart} AND cluster <> ${cluster}`),
    renumber: prepare('UPDATE {}.outbox SET xid = pg_current_xact_id() WHERE shard = $1'),
  }
}
