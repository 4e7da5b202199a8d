// A process that books orders and hears of them through its outbox, for tests that kill it:
//   ledger.js <database> <namespace> <orders> <point> <nth>
// The database is an url, or the folder of an embedded one. It goes on where the one before it ended, and prints what is in the database once all is booked, heard and echoed.
import { createApp, Event, Listener, type Publish, Publisher, Service } from '@waybill/core'
import { Database, outbox, Transactional } from '@waybill/outbox'
import { postgres } from '@waybill/store-postgres'
import { rabbitmq } from '@waybill/transport-rabbitmq'
import { setTimeout as wait } from 'node:timers/promises'
import { z } from 'zod'
import { Killer, mortalStore, mortalTransport } from './killed-at.js'

const keys = 5
const [where = '', namespace = 'ledger', count = '0', point = 'none', nth = '1'] = process.argv.slice(2)
const schema = namespace.replaceAll('-', '_')

class Booked extends Event('order.booked', { channel: 'bookings', key: 'key', payload: z.object({ key: z.string(), n: z.number() }) }) {}
class Heard extends Event('order.heard', { channel: 'bookings', payload: z.object({ n: z.number() }) }) {}

@Service('ledger')
class Ledger {
  constructor(
    private readonly database: Database,
    @Publisher(Booked) private readonly booked: Publish<Booked>,
    @Publisher(Heard) private readonly heard: Publish<Heard>,
  ) {}

  @Transactional()
  async book(n: number): Promise<void> {
    await this.database.query(`INSERT INTO ${schema}_booked (n) VALUES ($1)`, [n])
    await this.booked({ key: `k${n % keys}`, n })
  }

  @Listener(Booked)
  async hear({ n }: Booked): Promise<void> {
    await this.database.query(`INSERT INTO ${schema}_heard (n) VALUES ($1)`, [n])
    await this.heard({ n })
  }

  @Listener(Heard)
  async echo({ n }: Heard): Promise<void> {
    await this.database.query(`INSERT INTO ${schema}_echoed (n) VALUES ($1)`, [n])
  }
}

const killer = new Killer(point, Number(nth))
const store = mortalStore(postgres(where.includes('://') ? { url: where, schema } : { embedded: where, schema }), killer)
const transport = mortalTransport(rabbitmq({ url: process.env['WAYBILL_RABBITMQ_URL'] ?? 'amqp://guest:guest@127.0.0.1:5672' }), killer)
const app = createApp({ name: 'ledger', namespace, services: [Ledger], transport, plugins: [outbox(store, { lease: '1s' })], signals: false, log: false })
const tables = ['booked', 'heard', 'echoed']

await app.start()
const database = app.get(Database)
for (const table of tables) await database.query(`CREATE TABLE IF NOT EXISTS ${schema}_${table} (place bigserial, n int NOT NULL)`)

async function numbersOf(table: string): Promise<readonly number[]> {
  const rows = await database.query<{ n: number }>(`SELECT n FROM ${schema}_${table} ORDER BY place`)

  return rows.map(({ n }) => n)
}

/** The orders of one key, one after another. */
async function bookKey(key: number, done: readonly number[]): Promise<void> {
  for (let n = key; n < Number(count); n += keys) if (!done.includes(n)) await app.get(Ledger).book(n)
}

const done = await numbersOf('booked')
await Promise.all(Array.from({ length: keys }, (_, key) => bookKey(key, done)))
for (;;) {
  const [booked, heard, echoed] = await Promise.all(tables.map(numbersOf))
  if (new Set(heard).size === Number(count) && new Set(echoed).size === Number(count)) {
    await app.stop()
    console.log(`report ${JSON.stringify({ booked, heard, echoed })}`)
    break
  }
  await wait(20)
}
