import { randomUUID } from 'node:crypto'
import { createApp, Event, Listener, Service } from '@waybill/core'
import { outbox } from '@waybill/outbox'
import { postgres } from '@waybill/store-postgres'
import { eventually, faultProxy } from '@waybill/testing'
import { rabbitmq } from '@waybill/transport-rabbitmq'
import { Pool } from 'pg'
import { expect, onTestFinished, test } from 'vitest'
import { z } from 'zod'
import { removeTopology } from '../contract/rabbit-subject.js'
import { silent, url as databaseUrl } from '../store-postgres/bed.js'

class Booked extends Event('order.booked', { channel: 'bookings', key: 'key', payload: z.object({ key: z.string(), n: z.number() }) }) {}

@Service('audience')
class Audience {
  readonly heard: Booked[] = []

  @Listener(Booked)
  hear(booked: Booked): void {
    this.heard.push(booked)
  }
}

const brokerUrl = new URL(process.env['WAYBILL_RABBITMQ_URL'] ?? 'amqp://guest:guest@127.0.0.1:5672')

test('O7 I6 what was committed while RabbitMQ was out of reach is sent when it is back, once, in the order of its keys and unaided', { timeout: 90_000 }, async () => {
  const namespace = `outage-${randomUUID().slice(0, 8)}`
  const proxy = await faultProxy({ to: { host: brokerUrl.hostname, port: Number(brokerUrl.port) || 5672 } })
  onTestFinished(() => proxy.close())
  const box = outbox(postgres({ url: databaseUrl, schema: 'outbox' }))
  const url = Object.assign(new URL(brokerUrl), { port: String(proxy.port), hostname: proxy.host }).href
  const app = createApp({ name: 'shop', namespace, services: [Audience], transport: rabbitmq({ url }), plugins: [box], signals: false, log: silent })
  onTestFinished(() => removeAll(namespace))
  onTestFinished(() => app.stop())
  await app.start()
  const book = (n: number): Promise<void> => app.transaction(() => app.publish(new Booked({ key: `k${n % 7}`, n })))

  for (let n = 0; n < 20; n++) await book(n)
  proxy.refuse()
  proxy.reset()
  await eventually(() => !app.health().ready)
  for (let n = 20; n < 220; n++) await book(n)
  const [during] = await box.status()
  const ready = app.health().ready
  await proxy.heal()
  await eventually(() => app.get(Audience).heard.length >= 220, { within: 60_000 })
  await eventually(async () => (await box.status())[0]?.pending === 0)

  expect([ready, during?.parked]).toEqual([false, 0])
  expect(during?.pending).toBeGreaterThanOrEqual(200)
  expect(await box.parked()).toEqual([])
  const numbers = app.get(Audience).heard.map(({ n }) => n)
  expect([...numbers].sort((a, b) => a - b)).toEqual(Array.from({ length: 220 }, (_, n) => n))
  for (let key = 0; key < 7; key++) {
    const own = numbers.filter((n) => n % 7 === key)
    expect(own).toEqual([...own].sort((a, b) => a - b))
  }
})

async function removeAll(namespace: string): Promise<void> {
  const groups = [{ name: 'audience', types: ['order.booked'], keyed: true, partitions: 1 }]
  await removeTopology([
    { namespace, app: 'shop', topology: { asks: false, channels: [{ name: 'bookings', messages: [{ name: 'order.booked', keyed: true }], groups, options: {} }] } },
  ])
  const pool = new Pool({ connectionString: databaseUrl, max: 1 })
  const { rows } = await pool.query('SELECT nspname FROM pg_namespace WHERE nspname LIKE $1', [`${namespace.replaceAll('-', '_')}%`])
  for (const { nspname } of rows) await pool.query(`DROP SCHEMA "${nspname}" CASCADE`)
  await pool.end()
}
