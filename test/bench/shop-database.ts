import { connect } from 'amqplib'
import { Pool } from 'pg'
import type { Footprint, Order, Room } from './contender.js'

/** What the shop of the outbox scenarios keeps, the same for all contenders: a table of purchases, and a queue that the broker fills. */

export const databaseUrl = process.env['WAYBILL_POSTGRES_URL'] ?? 'postgresql://postgres@127.0.0.1:5432/postgres'

export const schemaOf = ({ id }: Room): string => id.replaceAll('-', '_')

/** Orders of one key are so far apart that no two of them are ever written at once: what is read back is to be in this order. */
export const keyOf = ({ id }: Pick<Order, 'id'>): string => `key-${id % 500}`

export const insertPurchase = (room: Room): string => `INSERT INTO ${schemaOf(room)}.purchase (id, customer, lines) VALUES ($1, $2, $3)`
export const updateStock = (room: Room): string => `UPDATE ${schemaOf(room)}.stock SET reserved = reserved + $2 WHERE id = $1`

export const purchaseOf = ({ id, customer, lines }: Order): unknown[] => [id, customer, lines.length]
/** Few enough to be real, many enough that orders under way seldom meet. */
export const stockOf = ({ id, lines }: Order): unknown[] => [id % 1_000, lines.length]

export function footprint({ id }: Room): Footprint {
  return { store: `${id}.orders.warehouse`, exchanges: [`${id}.orders`] }
}

/** Runs statements in the room's schema, which is made; `stored` is to be a view with the ids of what was written. */
export async function declareShop(room: Room, statements: readonly string[]): Promise<void> {
  const pool = new Pool({ connectionString: databaseUrl, max: 1 })
  const schema = schemaOf(room)
  const own = [
    `CREATE SCHEMA IF NOT EXISTS ${schema}`,
    `SET search_path = ${schema}`,
    'CREATE TABLE purchase (id bigint PRIMARY KEY, customer text NOT NULL, lines int NOT NULL)',
    'CREATE TABLE stock (id bigint PRIMARY KEY, reserved int NOT NULL) WITH (fillfactor = 50)',
    'INSERT INTO stock SELECT n, 0 FROM generate_series(0, 999) AS n',
  ]
  for (const statement of [...own, ...statements]) await pool.query(statement)
  await pool.end()
  await declareQueue(room)
}

async function declareQueue(room: Room): Promise<void> {
  const connection = await connect(room.url)
  const channel = await connection.createChannel()
  const { store, exchanges = [] } = footprint(room)
  await channel.assertQueue(store, { durable: true, arguments: { 'x-queue-type': 'quorum', 'x-overflow': 'reject-publish' } })
  for (const exchange of exchanges) {
    await channel.assertExchange(exchange, 'topic', { durable: true })
    await channel.bindQueue(store, exchange, '#')
  }
  await connection.close()
}

/** The ids within bodies that stand in a column of bytes. */
export const storedIn = (table: string): string => `CREATE VIEW stored AS SELECT seq AS place, (convert_from(body, 'UTF8')::json->>'id')::int AS id FROM ${table}`

const filledAtOnce = 250_000

/** Copies the one order that waits in the outbox, until so many do. The first of `columns` are copied as they are; `extend` is called before each part. */
export async function fillOutbox(room: Room, count: number, { columns, extend }: { readonly columns: readonly string[]; readonly extend: () => Promise<void> }): Promise<void> {
  const pool = new Pool({ connectionString: databaseUrl, max: 1 })
  const text = `
    INSERT INTO ${schemaOf(room)}.outbox (${columns.join(', ')}, id, key, body)
    SELECT ${columns.map((column) => `t.${column}`).join(', ')}, gen_random_uuid()::${columns.includes('shard') ? 'text' : 'uuid'}, 'key-' || n % 500,
      convert_to(replace(convert_from(t.body, 'UTF8'), '"id":0,', '"id":' || n || ','), 'UTF8')
    FROM (SELECT * FROM ${schemaOf(room)}.outbox ORDER BY seq LIMIT 1) AS t, generate_series($1::int, $2::int) AS n ORDER BY n`
  for (let from = 1; from < count; from += filledAtOnce) {
    await extend()
    await pool.query(text, [from, Math.min(count, from + filledAtOnce) - 1])
  }
  // What the fill left to write would slow the drain down.
  await pool.query('CHECKPOINT')
  await pool.end()
}
