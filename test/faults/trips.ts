import type { App } from '@waybill/core'
import { eventually, seededRandom } from '@waybill/testing'
import { Pool } from 'pg'
import { expect, onTestFinished } from 'vitest'
import { kinds, TripWanted } from './program/trip.js'

export interface Amount {
  readonly count: number
  /** So many are under way at a time: more would wait longer for their steps than a step may take. */
  readonly open: number
}

export interface Trips {
  readonly url: string
  /** Where the saga's tables are. */
  readonly schema: string
  readonly table: string
}

export interface TripsEnded {
  readonly completed: number
  readonly compensated: number
}

/** Starts so many trips, a tenth of them twice, as others end, and strikes from the first end on. Resolves when all have ended. */
export async function bookTrips(app: App, trips: Trips, { count, open }: Amount, strikes: Strikes): Promise<TripsEnded> {
  const pool = new Pool({ connectionString: trips.url, max: 1 })
  // A server that stops says so to those who wait for nothing.
  pool.on('error', () => undefined)
  onTestFinished(() => pool.end())
  let [started, ended] = [0, 0]
  const go = async (): Promise<boolean> => {
    ended = (await endedOf(pool, trips)) ?? ended
    if (ended > 0) strikes.begin()
    const more = Math.min(count - started, open - (started - ended))
    const wanted = Array.from({ length: Math.max(0, more) }, (_, n) => new TripWanted({ trip: started + n }))
    await app.publish([...wanted, ...wanted.filter(({ trip }) => trip % 10 === 0)])
    started += wanted.length

    return ended === count
  }
  await eventually(go, { within: 80_000 + count * 200 }).catch(async (error: unknown) => {
    throw new Error(`Of ${started} sagas ${ended} ended. ${JSON.stringify(await openOf(pool, trips))}`, { cause: error })
  })
  await expectBalanced(pool, trips)

  return statuses(pool, trips)
}

export interface Strikes {
  /** Once at once, then now and then. Says nothing new when it is called again. */
  begin(): void
  /** Resolves with how often it was. */
  end(): Promise<number>
}

export interface StrikeOptions {
  readonly seed: number
  /** Milliseconds from one to the next. */
  readonly between: readonly [number, number]
  readonly strike: () => Promise<void>
}

export function strikeOften({ seed, between: [from, to], strike }: StrikeOptions): Strikes {
  const chance = seededRandom(`${seed} strikes`)
  let [isOver, strikes] = [false, 0]
  let wake = (): void => undefined
  let striking: Promise<void> | undefined
  const pause = (): Promise<void> =>
    new Promise((resolve) => {
      const timer = setTimeout(resolve, chance.between(from, to))
      wake = () => {
        clearTimeout(timer)
        resolve()
      }
    })
  const go = async (): Promise<void> => {
    for (; !isOver; await pause()) {
      await strike()
      strikes++
    }
  }

  return {
    begin: () => void (striking ??= go()),
    end: async () => {
      isOver = true
      wake()
      await striking

      return strikes
    },
  }
}

/** Undefined while nobody answers. */
async function endedOf(pool: Pool, { schema }: Trips): Promise<number | undefined> {
  try {
    const { rows } = await pool.query<{ count: number }>(`SELECT count(*)::int AS count FROM ${schema}.saga WHERE status IN ('completed', 'compensated')`)

    return rows[0]?.count
  } catch {
    return undefined
  }
}

async function openOf(pool: Pool, { schema }: Trips): Promise<unknown> {
  const { rows } = await pool.query(`SELECT status, step, count(*)::int AS count, min(id) AS first FROM ${schema}.saga GROUP BY status, step`)

  return rows
}

async function statuses(pool: Pool, { schema }: Trips): Promise<TripsEnded> {
  const { rows } = await pool.query<{ status: keyof TripsEnded; count: number }>(`SELECT status, count(*)::int AS count FROM ${schema}.saga GROUP BY status`)
  const count = (status: keyof TripsEnded): number => rows.find((row) => row.status === status)?.count ?? 0

  return { completed: count('completed'), compensated: count('compensated') }
}

/** Of each trip that ended completed everything is taken once, of each other nothing, and no timer is left. */
async function expectBalanced(pool: Pool, { schema, table }: Trips): Promise<void> {
  const { rows } = await pool.query(
    `SELECT s.id, s.status, k.kind, coalesce(sum(b.change), 0)::int AS taken, count(b.change)::int AS rows
     FROM ${schema}.saga s CROSS JOIN unnest($1::text[]) AS k (kind) LEFT JOIN ${table} b ON b.trip = s.id::int AND b.kind = k.kind
     GROUP BY s.id, s.status, k.kind HAVING coalesce(sum(b.change), 0) <> CASE s.status WHEN 'completed' THEN 1 ELSE 0 END`,
    [kinds],
  )
  const timers = await pool.query(`SELECT id FROM ${schema}.timer`)

  expect([rows, timers.rows]).toEqual([[], []])
}
