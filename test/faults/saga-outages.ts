import { createApp } from '@waybill/core'
import { outbox } from '@waybill/outbox'
import { sagas } from '@waybill/saga'
import { postgres } from '@waybill/store-postgres'
import { memory, memoryBroker } from '@waybill/transport-memory'
import { Pool } from 'pg'
import { onTestFinished } from 'vitest'
import { silent } from '../store-postgres/bed.js'
import { ownPostgres } from './own-postgres.js'
import { servicesOf } from './program/trip.js'
import { type Amount, bookTrips, strikeOften, type TripsEnded } from './trips.js'

export interface StoppedTrips extends TripsEnded {
  readonly stops: number
}

/** Two apps do so many trips on a database that stops every few seconds, as by a cut of its power, and starts again. */
export async function bookTripsWhileStopped(amount: Amount, between: readonly [number, number]): Promise<StoppedTrips> {
  const [server, broker] = [await ownPostgres(), memoryBroker()]
  const pool = new Pool({ connectionString: server.url, max: 1 })
  await pool.query('CREATE TABLE books (kind text NOT NULL, trip int NOT NULL, change int NOT NULL)')
  await pool.end()
  const apps = ['trips-1', 'trips-2'].map((name) => {
    const plugins = [outbox(postgres({ url: server.url, schema: 'waybill' }), { lease: '2s' }), sagas()]

    return createApp({ name, services: servicesOf('public.books'), transport: memory({ broker }), plugins, signals: false, log: silent })
  })
  for (const app of apps) {
    onTestFinished(() => app.stop())
    await app.start()
  }
  const strikes = strikeOften({
    seed: amount.count,
    between,
    strike: async () => {
      await server.stop()
      await server.start()
    },
  })
  const [app] = apps
  if (!app) throw new Error('There is no app.')
  const ended = await bookTrips(app, { url: server.url, schema: 'waybill', table: 'public.books' }, amount, strikes)

  return { ...ended, stops: await strikes.end() }
}
