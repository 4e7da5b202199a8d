import { randomUUID } from 'node:crypto'
import { createApp } from '@waybill/core'
import { outbox } from '@waybill/outbox'
import { sagas } from '@waybill/saga'
import { memoryStore } from '@waybill/store-memory'
import { memory } from '@waybill/transport-memory'
import { rabbitmq } from '@waybill/transport-rabbitmq'
import { Pool } from 'pg'
import { onTestFinished } from 'vitest'
import { removeTopology } from '../contract/rabbit-subject.js'
import { type Program, runProgram } from '../e2e/program.js'
import { silent, url } from '../store-postgres/bed.js'
import { servicesOf } from './program/trip.js'
import { type Amount, bookTrips, strikeOften, type TripsEnded } from './trips.js'

export interface KilledTrips extends TripsEnded {
  readonly kills: number
}

/** Two processes do so many trips on PostgreSQL and RabbitMQ, and one of them is killed every few seconds, and another one started. */
export async function bookTripsWhileKilled(amount: Amount, between: readonly [number, number]): Promise<KilledTrips> {
  const namespace = `trips${randomUUID().slice(0, 8)}`
  const schema = `${namespace}_outbox`
  const table = `${namespace}_books`
  const pool = new Pool({ connectionString: url, max: 1 })
  onTestFinished(async () => {
    await pool.query(`DROP SCHEMA IF EXISTS ${schema} CASCADE`)
    await pool.query(`DROP TABLE IF EXISTS ${table}`)
    await pool.end()
  })
  onTestFinished(() => removeAll(namespace))
  await pool.query(`CREATE TABLE ${table} (kind text NOT NULL, trip int NOT NULL, change int NOT NULL)`)

  const begin = async (): Promise<Program> => {
    const program = runProgram('test/faults/program/dist/trips.js', url, namespace, table)
    await program.shows(/ready\n/)

    return program
  }
  const programs = [await begin(), await begin()]
  const front = createApp({
    name: 'front',
    namespace,
    services: [],
    transport: rabbitmq({ url: process.env['WAYBILL_RABBITMQ_URL'] ?? 'amqp://guest:guest@127.0.0.1:5672' }),
    signals: false,
    log: silent,
  })
  onTestFinished(() => front.stop())
  await front.start()
  const strikes = strikeOften({
    seed: amount.count,
    between,
    strike: async () => {
      const [victim] = programs.splice(0, 1)
      await victim?.end('SIGKILL')
      programs.push(await begin())
    },
  })
  const ended = await bookTrips(front, { url, schema, table }, amount, strikes)
  const kills = await strikes.end()
  for (const program of programs) await program.end()

  return { ...ended, kills }
}

async function removeAll(namespace: string): Promise<void> {
  const { topology } = createApp({ name: 'trips', namespace, services: servicesOf('none'), transport: memory(), plugins: [outbox(memoryStore()), sagas()], signals: false })
  await removeTopology([{ namespace, app: 'trips', topology: { asks: false, channels: topology.channels } }])
}
