import type { InboxEntry, InboxStore, InboxVerdict, Runtime, StoredReply } from '@waybill/core'
import { createHash } from 'node:crypto'
import type { Connection } from './connection.js'
import type { Statement } from './options.js'
import { bufferOf } from './outbox-writer.js'
import type { Runner } from './runner.js'
import type { Partitions } from './partitions.js'
import { type Prepare, textOf } from './statement.js'

const dayMs = 86_400_000

/** Where the row of an id lies: in the part of its day, or, where it names no day or one that is not near, in a plain table. */
interface Mark {
  readonly group: string
  readonly key: Buffer
  readonly day: string | undefined
}

export interface InboxParts {
  readonly connection: Connection
  readonly prepare: Prepare
  readonly partitions: Partitions
}

/** What was processed, so that it is done once. */
export class Inbox implements InboxStore {
  readonly #parts: InboxParts
  readonly #sql: ReturnType<typeof sqlOf>
  #runtime: Runtime | undefined

  constructor(parts: InboxParts) {
    this.#parts = parts
    this.#sql = sqlOf(parts.prepare)
  }

  open(runtime: Runtime): void {
    this.#runtime = runtime
  }

  /** Writes the entries that are new, in a fixed order, so that two batches that share some do not wait for each other in a circle. */
  async insert(runner: Runner, entries: readonly InboxEntry[]): Promise<readonly InboxVerdict[]> {
    const marks = entries.map((entry) => this.#markOf(entry))
    const order = marks.map((_, index) => index).sort((a, b) => compare(marks[a], marks[b]))
    const answers = await runner.runAll(order.flatMap((index) => this.#inserting(marks[index], entries[index])))
    const verdicts: InboxVerdict[] = []
    for (const [place, index] of order.entries()) {
      const [entry, mark] = [entries[index], marks[index]]
      if (entry && mark) verdicts[index] = await this.#judge(runner, { entry, mark, isNew: answers[place]?.rows.length === 1 })
    }

    return verdicts
  }

  #inserting(mark: Mark | undefined, entry: InboxEntry | undefined): readonly Statement[] {
    if (!mark || !entry) return []

    return [mark.day === undefined ? this.#sql.insertForeign(mark.group, mark.key, dayClaimedBy(entry.id)) : this.#sql.insert(mark.day, mark.group, mark.key)]
  }

  async #judge(runner: Runner, { entry, mark, isNew }: { readonly entry: InboxEntry; readonly mark: Mark; readonly isNew: boolean }): Promise<InboxVerdict> {
    if (!isNew) return { kind: 'duplicate', reply: await this.#reply(runner, entry) }
    const last = entry.guard && (await this.#later(runner, entry.group, entry.guard))
    if (last === undefined) return { kind: 'first' }
    await runner.run(this.#sql.remove(mark.group, mark.key, dayClaimedBy(entry.id)))

    return { kind: 'stale', last }
  }

  /** The last of the key where it is not before this one; else this one is the last now. */
  async #later(runner: Runner, group: string, { producer, key, sequence }: NonNullable<InboxEntry['guard']>): Promise<bigint | undefined> {
    const advanced = await runner.run(this.#sql.advance(group, producer, key, String(sequence)))
    if (advanced.rows.length === 1) return undefined
    const { rows } = await runner.run(this.#sql.last(group, producer, key))

    return BigInt(textOf(rows[0]?.['last'] ?? 0))
  }

  async #reply(runner: Runner, entry: InboxEntry): Promise<Uint8Array | undefined> {
    const { rows } = await runner.run(this.#sql.reply(entry.group, keyOf(entry.id), dayClaimedBy(entry.id)))
    const found = rows[0]?.['reply']

    return found instanceof Uint8Array ? found : undefined
  }

  /** The statements that keep replies beside their entries. */
  replies(replies: readonly StoredReply[]): readonly Statement[] {
    return replies.map(({ reply, ...entry }) => {
      const { group, key, day } = this.#markOf(entry)

      return day === undefined ? this.#sql.keepForeign(group, key, bufferOf(reply)) : this.#sql.keep(group, key, bufferOf(reply), day)
    })
  }

  async clean(keepMs: number): Promise<number | undefined> {
    await this.#parts.partitions.extend()
    await this.#parts.partitions.dropDays(keepMs)
    for (const forget of [this.#sql.forget, this.#sql.forgetSequences]) await this.#parts.connection.run(forget(keepMs))

    return undefined
  }

  #markOf({ group, id }: { readonly group: string; readonly id: string }): Mark {
    const claimed = momentOf(id)
    const today = Math.floor((this.#runtime?.now() ?? 0) / dayMs)
    const isNear = claimed !== undefined && Math.abs(Math.floor(claimed / dayMs) - today) <= 1

    return { group, key: keyOf(id), day: isNear ? dayOf(claimed) : undefined }
  }
}

const keyOf = (id: string): Buffer => createHash('sha256').update(id).digest().subarray(0, 16)

function dayClaimedBy(id: string): string | null {
  const claimed = momentOf(id)

  return claimed === undefined ? null : dayOf(claimed)
}

/** What a UUID of version 7 or 8 says of its moment. Others may claim any; it only chooses where the row lies, and both places are looked at. */
function momentOf(id: string): number | undefined {
  const found = /^([0-9a-f]{8})-([0-9a-f]{4})-[78][0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/i.exec(id)

  const ms = found ? Number.parseInt(`${found[1]}${found[2]}`, 16) : latestMs

  return ms < latestMs ? ms : undefined
}

/** The end of the year 9999: what follows is no day that the database reads. */
const latestMs = 253_402_300_800_000

const dayOf = (ms: number): string => new Date(Math.floor(ms / dayMs) * dayMs).toISOString().replace(/T.*$/, '')

function compare(a: Mark | undefined, b: Mark | undefined): number {
  if (!a || !b) return 0

  return Buffer.compare(a.key, b.key) || (a.group === b.group ? 0 : a.group < b.group ? -1 : 1)
}

function sqlOf(prepare: Prepare) {
  return {
    insert: prepare(`
      INSERT INTO {}.inbox (day, grp, key) SELECT $1::date, $2::text, $3::bytea
      WHERE NOT EXISTS (SELECT FROM {}.inbox_foreign WHERE grp = $2 AND key = $3) ON CONFLICT DO NOTHING RETURNING 1 AS done`),
    insertForeign: prepare(`
      INSERT INTO {}.inbox_foreign (grp, key) SELECT $1::text, $2::bytea
      WHERE NOT EXISTS (SELECT FROM {}.inbox WHERE day = $3::date AND grp = $1 AND key = $2) ON CONFLICT DO NOTHING RETURNING 1 AS done`),
    reply: prepare(`
      SELECT reply FROM {}.inbox WHERE day = $3::date AND grp = $1 AND key = $2
      UNION ALL SELECT reply FROM {}.inbox_foreign WHERE grp = $1 AND key = $2`),
    remove: prepare(`
      WITH near AS (DELETE FROM {}.inbox WHERE day = $3::date AND grp = $1 AND key = $2)
      DELETE FROM {}.inbox_foreign WHERE grp = $1 AND key = $2`),
    keep: prepare('UPDATE {}.inbox SET reply = $3 WHERE day = $4::date AND grp = $1 AND key = $2'),
    keepForeign: prepare('UPDATE {}.inbox_foreign SET reply = $3 WHERE grp = $1 AND key = $2'),
    advance: prepare(`
      INSERT INTO {}.inbox_sequence AS s (grp, producer, key, last) VALUES ($1, $2, $3, $4)
      ON CONFLICT (grp, producer, key) DO UPDATE SET last = excluded.last, seen_at = statement_timestamp() WHERE s.last < excluded.last RETURNING 1 AS done`),
    last: prepare('SELECT last FROM {}.inbox_sequence WHERE grp = $1 AND producer = $2 AND key = $3'),
    forget: prepare(`DELETE FROM {}.inbox_foreign WHERE seen_at < statement_timestamp() - $1::float8 * interval '1 ms'`),
    forgetSequences: prepare(`DELETE FROM {}.inbox_sequence WHERE seen_at < statement_timestamp() - $1::float8 * interval '1 ms'`),
  }
}
