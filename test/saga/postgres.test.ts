import { type App, createApp } from '@waybill/core'
import { outbox } from '@waybill/outbox'
import { type Sagas, sagas } from '@waybill/saga'
import { eventually } from '@waybill/testing'
import { memory, memoryBroker, type MemoryBroker } from '@waybill/transport-memory'
import { describe, expect, onTestFinished, test } from 'vitest'
import { type Bed, beds } from '../store-postgres/bed.js'
import { Both } from './both.js'
import { OrderPlaced } from './shop.js'
import { books, SqlPayment, SqlStock } from './sql-shop.js'

describe.each(beds)('on %s', (name, bedOf) => {
  const bed = bedOf()
  // PGlite is one connection, which belongs to one process.
  const [processes, count] = name === 'PGlite' ? [1, 10] : [2, 60]

  test('G1 G3 E2 sagas that are started twice, and answered side by side in every process, end once and with balanced books', async () => {
    const { broker, operator, app, schema } = await start(bed, processes)
    const orders = Array.from({ length: count }, (_, n) => new OrderPlaced({ orderId: `o-${n}`, total: n }))

    await app.publish([...orders, ...orders])
    await eventually(async () => (await endedOf(operator)) === count, { within: 18_000 })

    const found = await operator.list({ limit: 1_000 })
    const sums = await bed.sql(`SELECT kind, sum(change)::int AS sum, count(*)::int AS count FROM ${books.table} GROUP BY kind ORDER BY kind`)
    expect(found.filter(({ status }) => status === 'completed')).toHaveLength((count * 4) / 5)
    expect(sums).toEqual([
      { kind: 'card', sum: (count * 4) / 5, count: (count * 4) / 5 },
      { kind: 'stock', sum: (count * 4) / 5, count: (count * 6) / 5 },
    ])
    expect(broker.queues().filter(({ name: queue, waiting }) => queue.endsWith('.dead') && waiting > 0)).toEqual([])
    expect(await bed.sql(`SELECT count(*)::int AS count FROM "${schema}".timer`)).toEqual([{ count: 0 }])
  })
})

async function start(bed: Bed, count: number): Promise<{ readonly broker: MemoryBroker; readonly operator: Sagas; readonly app: App; readonly schema: string }> {
  const [schema, broker, operator] = [bed.schema(), memoryBroker(), sagas()]
  const apps = [operator, ...Array.from({ length: count - 1 }, sagas)].map((plugin, index) =>
    createApp({
      name: `shop-${index}`,
      services: [Both, SqlStock, SqlPayment],
      transport: memory({ broker }),
      plugins: [outbox(bed.made({ schema })), plugin],
      signals: false,
      log: false,
    }),
  )
  for (const app of apps) {
    onTestFinished(() => app.stop())
    await app.start()
  }
  books.table = `"${schema}".books`
  await bed.sql(`CREATE TABLE ${books.table} (kind text, order_id text, change int)`)

  return { broker, operator, schema, app: apps[0] as App }
}

async function endedOf(operator: Sagas): Promise<number> {
  const found = await Promise.all((['completed', 'compensated'] as const).map((status) => operator.list({ status, limit: 1_000 })))

  return found.flat().length
}
