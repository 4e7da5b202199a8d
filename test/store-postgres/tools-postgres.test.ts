import { inspect } from 'node:util'
import { createApp } from '@waybill/core'
import { Database, outbox } from '@waybill/outbox'
import { postgres } from '@waybill/store-postgres'
import { eventually } from '@waybill/testing'
import { memory } from '@waybill/transport-memory'
import { drizzle } from 'drizzle-orm/node-postgres'
import { integer, pgSchema } from 'drizzle-orm/pg-core'
import knex from 'knex'
import { Kysely, PostgresDialect } from 'kysely'
import { Client, type PoolClient } from 'pg'
import { DataSource } from 'typeorm'
import { expect, onTestFinished, test } from 'vitest'
import { serverBed, silent, url } from './bed.js'
import { Audience, Placed } from './placed.js'

const bed = serverBed()

/** An app on a schema of its own, which has a table of orders. */
async function startShop() {
  const schema = bed.schema()
  const box = outbox(postgres({ url, schema }))
  const app = createApp({ name: 'shop', services: [Audience], transport: memory(), plugins: [box], signals: false, log: silent })
  onTestFinished(() => app.stop())
  await app.start()
  await bed.sql(`CREATE TABLE "${schema}".orders (n int PRIMARY KEY)`)

  return { app, box, schema, database: app.get(Database), orders: () => bed.sql(`SELECT n FROM "${schema}".orders ORDER BY n`) }
}

type Shop = Awaited<ReturnType<typeof startShop>>

/** How each tool writes into the open transaction, by the client that Database hands out. */
const byClient: Readonly<Record<string, (shop: Shop, n: number) => Promise<unknown>>> = {
  pg: ({ database, schema }, n) => database.client<Client>().query(`INSERT INTO "${schema}".orders (n) VALUES ($1)`, [n]),

  Drizzle: async ({ database, schema }, n) => {
    const orders = pgSchema(schema).table('orders', { n: integer('n').primaryKey() })

    await drizzle(database.client<Client>()).insert(orders).values({ n })
  },

  Kysely: async ({ database, schema }, n) => {
    const client = database.client<PoolClient>()
    const kysely = new Kysely<{ orders: { n: number } }>({ dialect: new PostgresDialect({ pool: { connect: async () => client, end: async () => undefined } }) })

    await kysely.withSchema(schema).insertInto('orders').values({ n }).execute()
  },

  Knex: async ({ database, schema }, n) => {
    const builder = knex({ client: 'pg' })

    await builder.withSchema(schema).table('orders').insert({ n }).connection(database.client())
  },
}

test.each(Object.keys(byClient))('what %s writes by the client of the transaction commits with its message, and is rolled back with it', async (tool) => {
  const shop = await startShop()
  const place = (n: number): Promise<unknown> => byClient[tool]?.(shop, n) ?? Promise.reject(new Error(`"${tool}" is not known.`))

  await shop.app.transaction(async () => {
    await place(1)
    await shop.app.publish(new Placed({ n: 1 }))
  })
  const failed = shop.app.transaction(async () => {
    await place(2)
    await shop.app.publish(new Placed({ n: 2 }))
    throw new Error('out of stock')
  })
  await expect(failed).rejects.toThrow('out of stock')
  await eventually(() => shop.app.get(Audience).heard.length > 0)
  await eventually(async () => (await shop.box.status())[0]?.pending === 0)

  expect(await shop.orders()).toEqual([{ n: 1 }])
  expect(shop.app.get(Audience).heard).toEqual([1])
})

/** What would end the transaction of the app under it. */
const byTransaction: Readonly<Record<string, (shop: Shop, n: number) => Promise<unknown>>> = {
  Drizzle: ({ database, schema }, n) => {
    const orders = pgSchema(schema).table('orders', { n: integer('n').primaryKey() })

    return drizzle(database.client<Client>()).transaction((tx) => tx.insert(orders).values({ n }))
  },

  Kysely: ({ database, schema }, n) => {
    const client = database.client<PoolClient>()
    const kysely = new Kysely<{ orders: { n: number } }>({ dialect: new PostgresDialect({ pool: { connect: async () => client, end: async () => undefined } }) })

    return kysely.transaction().execute((tx) => tx.withSchema(schema).insertInto('orders').values({ n }).execute())
  },

  Knex: ({ database, schema }, n) => knex({ client: 'pg' }).transaction((tx) => tx.withSchema(schema).table('orders').insert({ n }), { connection: database.client<Client>() }),
}

test.each(Object.keys(byTransaction))('a transaction of its own that %s opens on the client is refused, so that no row stands without its message', async (tool) => {
  const shop = await startShop()
  const place = (n: number): Promise<unknown> => byTransaction[tool]?.(shop, n) ?? Promise.reject(new Error(`"${tool}" is not known.`))

  const placed: unknown = await shop.app
    .transaction(async () => {
      await shop.app.publish(new Placed({ n: 1 }))
      await place(1)
      throw new Error('out of stock')
    })
    .catch((error: unknown) => error)

  expect(inspect(placed)).toContain('TRANSACTION_COMMAND')
  expect(await shop.orders()).toEqual([])
})

test('the outbox takes part in a transaction that TypeORM opened, commits with it and is rolled back with it', async () => {
  const shop = await startShop()
  const source = await new DataSource({ type: 'postgres', url }).initialize()
  onTestFinished(() => source.destroy())
  const place = (n: number, fails: boolean): Promise<void> =>
    source.transaction((manager) =>
      shop.box.within(manager, async () => {
        await manager.query(`INSERT INTO "${shop.schema}".orders (n) VALUES ($1)`, [n])
        await shop.app.publish(new Placed({ n }))
        if (fails) throw new Error('out of stock')
      }),
    )

  await place(1, false)
  await expect(place(2, true)).rejects.toThrow('out of stock')
  await eventually(() => shop.app.get(Audience).heard.length > 0, { within: 5_000 })
  await eventually(async () => (await shop.box.status())[0]?.pending === 0)

  expect(await shop.orders()).toEqual([{ n: 1 }])
  expect(shop.app.get(Audience).heard).toEqual([1])
})
