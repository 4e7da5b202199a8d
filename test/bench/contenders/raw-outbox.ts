import { type ConfirmChannel, connect } from 'amqplib'
import { Pool, type PoolClient } from 'pg'
import { setTimeout as sleep } from 'node:timers/promises'
import type { BenchPublisher, Handle, Order, Receiver, Room } from '../contender.js'
import { makeOrder } from '../order.js'
import { connections } from '../scenario.js'
import { databaseUrl, declareShop, fillOutbox, footprint, insertPurchase, keyOf, purchaseOf, schemaOf, stockOf, storedIn, updateStock } from '../shop-database.js'

/**
 * The same statements by hand, as `pg` and amqplib say: a table of messages that is written in the transaction, and a loop that reads it by a growing number,
 * publishes and deletes. It loses what commits behind a later number, which is not seen here, as the keys are far apart.
 */

export { footprint }

const page = 1_000

export function declare(room: Room): Promise<void> {
  return declareShop(room, [
    'CREATE TABLE outbox (seq bigserial PRIMARY KEY, id uuid NOT NULL, key text NOT NULL, destination text NOT NULL, headers text NOT NULL, body bytea NOT NULL)',
    'CREATE TABLE inbox (grp text NOT NULL, id uuid NOT NULL, PRIMARY KEY (grp, id))',
    storedIn('outbox'),
  ])
}

export async function openPublisher(room: Room): Promise<BenchPublisher> {
  const pool = new Pool({ connectionString: databaseUrl, max: connections })

  return {
    send: (order, done) => void inTransaction(pool, (client) => place(client, room, order)).then(() => done(), done),
    sendBatch: (orders, done) => void inTransaction(pool, (client) => store(client, room, orders)).then(() => done(), done),
    close: () => pool.end(),
  }
}

export async function fill(room: Room, count: number): Promise<void> {
  const pool = new Pool({ connectionString: databaseUrl, max: 1 })
  await inTransaction(pool, (client) => store(client, room, [makeOrder(0)]))
  await pool.end()
  await fillOutbox(room, count, { columns: ['destination', 'headers'], extend: async () => {} })
}

export async function openRelay(room: Room, confirmed: (id: number) => void): Promise<BenchPublisher> {
  const pool = new Pool({ connectionString: databaseUrl, max: connections + 1 })
  const connection = await connect(room.url)
  const channel = await connection.createConfirmChannel()
  let isOver = false
  const relaying = (async () => {
    while (!isOver) if (!(await sendPage(pool, channel, room, confirmed))) await sleep(2)
  })()

  return {
    send: (order, done) => void inTransaction(pool, (client) => place(client, room, order)).then(() => done(), done),
    close: async () => {
      isOver = true
      await relaying
      await connection.close()
      await pool.end()
    },
  }
}

export async function openHandler(room: Room, handle: Handle): Promise<Receiver> {
  const pool = new Pool({ connectionString: databaseUrl, max: connections })

  return {
    receive(bodies) {
      for (const body of bodies) {
        const order = JSON.parse(body.toString()) as Order
        inTransaction(pool, (client) => reserve(client, room, order)).then(
          () => handle(order),
          (error: unknown) => console.error(error),
        )
      }
    },
    close: () => pool.end(),
  }
}

async function inTransaction(pool: Pool, work: (client: PoolClient) => Promise<unknown>): Promise<void> {
  const client = await pool.connect()
  try {
    await client.query('BEGIN')
    await work(client)
    await client.query('COMMIT')
  } catch (error) {
    await client.query('ROLLBACK')
    throw error
  } finally {
    client.release()
  }
}

async function place(client: PoolClient, room: Room, order: Order): Promise<void> {
  await client.query(insertPurchase(room), purchaseOf(order))
  await insert(client, room, order)
}

async function reserve(client: PoolClient, room: Room, order: Order): Promise<void> {
  const { rowCount } = await client.query(`INSERT INTO ${schemaOf(room)}.inbox (grp, id) VALUES ($1, $2) ON CONFLICT DO NOTHING`, ['warehouse', crypto.randomUUID()])
  if (rowCount === 0) return
  await client.query(updateStock(room), stockOf(order))
  await insert(client, room, order)
}

function insert(client: PoolClient, room: Room, order: Order): Promise<unknown> {
  return client.query(`INSERT INTO ${schemaOf(room)}.outbox (id, key, destination, headers, body) VALUES ($1, $2, $3, $4, $5)`, rowOf(order))
}

function store(client: PoolClient, room: Room, orders: readonly Order[]): Promise<unknown> {
  const rows = orders.map(rowOf)
  const text = `INSERT INTO ${schemaOf(room)}.outbox (id, key, destination, headers, body) SELECT * FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::bytea[])`

  return client.query(
    text,
    [0, 1, 2, 3, 4].map((column) => rows.map((row) => row[column])),
  )
}

function rowOf(order: Order): unknown[] {
  return [crypto.randomUUID(), keyOf(order), 'order.placed', JSON.stringify({ type: 'order.placed', time: new Date().toISOString() }), Buffer.from(JSON.stringify(order))]
}

/** False: nothing waits. */
async function sendPage(pool: Pool, channel: ConfirmChannel, room: Room, confirmed: (id: number) => void): Promise<boolean> {
  const { rows } = await pool.query(`SELECT seq, id, key, destination, headers, body FROM ${schemaOf(room)}.outbox ORDER BY seq LIMIT ${page}`)
  const [exchange = ''] = footprint(room).exchanges ?? []
  await Promise.all(
    rows.map(
      ({ id, destination, headers, body }) =>
        new Promise<void>((resolve, reject) => {
          const options = { persistent: true, messageId: String(id), contentType: 'application/json', headers: JSON.parse(String(headers)) as object }
          channel.publish(exchange, String(destination), body as Buffer, options, (error: unknown) => {
            if (error) return reject(error)
            confirmed((JSON.parse((body as Buffer).toString()) as Order).id)
            resolve()
          })
        }),
    ),
  )
  if (rows.length > 0) await pool.query(`DELETE FROM ${schemaOf(room)}.outbox WHERE seq = ANY ($1)`, [rows.map(({ seq }) => seq)])

  return rows.length > 0
}
