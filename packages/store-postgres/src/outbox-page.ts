import type { Lease, OutboxPage, OutboxRow, PageRequest, Progress } from '@waybill/core'
import type { Connection } from './connection.js'
import type { Answer, Row, Statement } from './options.js'
import type { Session } from './session.js'
import { bytesOf, numberOf, optionalNumberOf, optionalTextOf, type Prepare, textOf } from './statement.js'

/**
 * How far a shard is. Every row that `prev` sees is dealt with. Those that `win` sees beside them are being dealt with, up to the place `pos`. Every row up
 * to the place `floor` that `prev` does not see is of a transaction that `prev` names as open.
 *
 * Why nothing is lost or turned round: a row is in exactly one window. Within a key the earlier event's transaction ended before the later one could take the key's lock
 * and draw its place, so it is seen by every snapshot that sees the later one.
 */
export interface Place {
  readonly prev: string
  readonly floor: bigint
  readonly win: string | undefined
  readonly winFloor: bigint
  readonly pos: bigint
}

/**
 * How a floor is found. A snapshot names what is open only up to the last number that had ended, so of what began later nothing is known: it may have drawn its place long
 * ago. But a place that had been drawn before some number was given out is no later transaction's. Each advance is a transaction, so it leaves a mark: the last place that was
 * drawn before, and its own number. A snapshot that is past that number has that place as its floor; one that is not keeps the floor of the snapshot before.
 */
export interface Mark {
  readonly drawn: bigint
}

/** Reads the rows of a shard in their order, a page at a time. */
export class OutboxPages {
  readonly #connection: Connection
  readonly #sql: ReturnType<typeof sqlOf>
  readonly #cursors = new WeakMap<OutboxPage, Reading>()

  constructor(connection: Connection, prepare: Prepare) {
    this.#connection = connection
    this.#sql = sqlOf(prepare)
  }

  async page(lease: Lease, request: PageRequest): Promise<OutboxPage> {
    const behind = request.after && this.#after(request.after)

    return this.#connection.use(async (session) => {
      if (behind && behind.win === undefined) return this.#next(session, lease, request, behind)
      const found = (await session.run(this.#sql.cursor(lease.shard))).rows[0]
      const drawn = BigInt(textOf(found?.['drawn'] ?? 0))
      const start = behind ?? placeOf(found)
      if (found?.['is_paused'] === true) return this.#remember({ rows: [], isLast: true, isPaused: true }, { place: start, isComplete: false, drawn })
      // Nobody advances over a page without rows, so a window that has none left is passed over here.
      const rest = start.win === undefined ? undefined : await this.#window(session, lease, request, { place: start, drawn })
      if (rest && rest.rows.length > 0) return rest

      return this.#window(session, lease, request, { place: opened(closed(start), found), drawn })
    })
  }

  /** The window behind one that is over, in one round trip: both statements see what one snapshot sees. */
  async #next(session: Session, { shard }: Lease, request: PageRequest, start: Place): Promise<OutboxPage> {
    const { cursor, newRows, settings } = this.#sql
    const begin = session.command('BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY')
    const statements = [begin, settings(), cursor(shard), newRows(shard, '0', String(start.floor), start.prev, request.rows, request.bytes)]
    const [, , found, answer] = await this.#read(session, statements)
    const row = found?.rows[0]
    const drawn = BigInt(textOf(row?.['drawn'] ?? 0))
    if (row?.['is_paused'] === true) return this.#remember({ rows: [], isLast: true, isPaused: true }, { place: start, isComplete: false, drawn })

    return this.#pageOf(answer?.rows ?? [], shard, request, { place: opened(start, row), drawn })
  }

  async #window(session: Session, { shard }: Lease, request: PageRequest, { place, drawn }: { readonly place: Place; readonly drawn: bigint }): Promise<OutboxPage> {
    const { prev, floor, win = prev, pos } = place
    if (win === prev) return this.#remember({ rows: [], isLast: true, isPaused: false }, { place, isComplete: true, drawn })
    const statements = [session.command('BEGIN'), this.#sql.settings(), this.#sql.rows(shard, String(pos), String(floor), prev, win, request.rows, request.bytes)]
    const [, , answer] = await this.#read(session, statements)

    return this.#pageOf(answer?.rows ?? [], shard, request, { place, drawn })
  }

  #pageOf(rows: readonly Row[], shard: string, request: PageRequest, { place, drawn }: { readonly place: Place; readonly drawn: bigint }): OutboxPage {
    const matched = numberOf(rows[0]?.['matched'] ?? 0)
    const isComplete = matched < request.rows && rows.length === matched

    return this.#remember({ rows: rows.map((row) => rowOf(row, shard)), isLast: isComplete && place.pos === 0n, isPaused: false }, { place, isComplete, drawn })
  }

  /** What the cursor is to be when so much of a page is dealt with. */
  placeAfter({ page, done }: Progress): Place & Mark {
    const { place, isComplete, drawn } = this.#readingOf(page)
    if (isComplete && done >= page.rows.length) return { ...closed(place), drawn }

    return { ...place, pos: page.rows[done - 1]?.seq ?? place.pos, drawn }
  }

  async #read(session: Session, statements: readonly Statement[]): Promise<readonly Answer[]> {
    try {
      return await session.runAll([...statements, session.command('COMMIT')])
    } catch (error) {
      await session.send({ text: 'ROLLBACK' }).catch(() => session.cut())
      throw error
    }
  }

  #after(page: OutboxPage): Place {
    return this.placeAfter({ page, done: page.rows.length, parked: [] })
  }

  #remember(page: Omit<OutboxPage, 'cursor'>, cursor: Reading): OutboxPage {
    const whole = { ...page, cursor }
    this.#cursors.set(whole, cursor)

    return whole
  }

  #readingOf(page: OutboxPage): Reading {
    const found = this.#cursors.get(page)
    if (!found) throw new TypeError('A page of the outbox was expected that this store has read itself.')

    return found
  }
}

interface Reading extends Mark {
  readonly place: Place
  /** Nothing of the window follows. */
  readonly isComplete: boolean
}

/** Its window, if it has one, is over. */
function closed(place: Place): Place {
  return place.win === undefined ? place : { prev: place.win, floor: place.winFloor, win: undefined, winFloor: 0n, pos: 0n }
}

/** With a window that ends now. */
function opened(start: Place, row: Row | undefined): Place {
  const mark = row?.['is_past_mark'] === true ? BigInt(textOf(row['mark_floor'])) : 0n

  return { ...start, win: textOf(row?.['snapshot']), winFloor: mark > start.floor ? mark : start.floor, pos: 0n }
}

function placeOf(row: Row | undefined): Place {
  return {
    prev: textOf(row?.['prev']),
    floor: BigInt(textOf(row?.['floor'] ?? 0)),
    win: optionalTextOf(row?.['win']),
    winFloor: BigInt(textOf(row?.['win_floor'] ?? 0)),
    pos: BigInt(textOf(row?.['pos'] ?? 0)),
  }
}

export function rowOf(row: Row, shard = textOf(row['shard'])): OutboxRow {
  return {
    seq: BigInt(textOf(row['seq'])),
    shard,
    id: textOf(row['id']),
    key: optionalTextOf(row['key']),
    destination: textOf(row['destination']),
    head: textOf(row['head']),
    body: bytesOf(row['body']),
    expiresAt: optionalNumberOf(row['expires_ms']),
    storedAt: numberOf(row['stored_ms']),
  }
}

export const rowColumns = `seq, id, key, destination, head, body, round(extract(epoch FROM expires_at) * 1000) AS expires_ms, round(extract(epoch FROM stored_at) * 1000) AS stored_ms`

/**
 * The rows of a window behind a place, as two branches. The first walks the primary key from the floor on, so its cost is that of the page, however large the window.
 * The second finds by the index of `xid` what transactions wrote below the floor that were open then, so a transaction that is open for long costs nothing.
 * The sums and functions keep the planner from the other index, and the settings from reading whole tables and from compiling: it guesses badly about what
 * nobody has analysed yet, and of a million rows a page of a thousand took it 4 ms to read and 100 to 2,700 ms to compile for.
 */
export const pageSettings = `SELECT set_config('enable_seqscan', 'off', true), set_config('enable_bitmapscan', 'off', true), set_config('jit', 'off', true)`

export const pageText = `
  SELECT ${rowColumns}, matched FROM (
    SELECT page.*, count(*) OVER () AS matched, row_number() OVER (ORDER BY seq) AS place,
      sum(octet_length(body) + octet_length(head)) OVER (ORDER BY seq) AS bytes_through
    FROM (
      (SELECT * FROM {}.outbox
        WHERE shard = $1 AND seq > greatest($2::bigint, $3::bigint) AND pg_visible_in_snapshot(xid, $5::pg_snapshot) AND NOT pg_visible_in_snapshot(xid, $4::pg_snapshot)
        ORDER BY seq LIMIT $6)
      UNION ALL
      (SELECT * FROM {}.outbox
        WHERE shard = $1 AND xid = ANY (ARRAY(SELECT pg_snapshot_xip($4::pg_snapshot))) AND seq + 0 > $2::bigint AND seq + 0 <= $3::bigint AND pg_visible_in_snapshot(xid, $5::pg_snapshot))
      ORDER BY seq LIMIT $6
    ) AS page
  ) AS sized WHERE place = 1 OR bytes_through <= $7 ORDER BY seq`

/** The same with a window that ends now. */
export const newPageText = pageText.replaceAll('$5::pg_snapshot', '(SELECT pg_current_snapshot())').replaceAll('$6', '$5').replaceAll('$7', '$6')

function sqlOf(prepare: Prepare) {
  return {
    cursor: prepare(`
      SELECT prev::text, floor, win::text, win_floor, pos, is_paused, pg_current_snapshot()::text AS snapshot,
        mark_floor, pg_snapshot_xmax(pg_current_snapshot()) > mark_xid AS is_past_mark,
        (SELECT last_value - CASE WHEN is_called THEN 0 ELSE 1 END FROM {}.outbox_seq) AS drawn
      FROM {}.outbox_cursor WHERE shard = $1`),
    settings: prepare(pageSettings),
    rows: prepare(pageText),
    newRows: prepare(newPageText),
  }
}
