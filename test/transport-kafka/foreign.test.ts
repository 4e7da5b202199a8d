import { randomUUID } from 'node:crypto'
import { type App, createApp, type Delivery, Event, Listener, RawListener, type RawMessage, Service } from '@waybill/core'
import { kafka } from '@waybill/transport-kafka'
import type { IHeaders } from 'kafkajs'
import { afterEach, describe, expect, test } from 'vitest'
import { z } from 'zod'
import { bed, brokers, eventually } from './bed.js'

class OrderPlaced extends Event('order.placed', {
  channel: 'orders',
  key: 'orderId',
  foreign: { name: 'com.acme.OrderPlaced' },
  payload: z.object({ orderId: z.string(), total: z.number() }),
}) {}

const order = { orderId: 'a', total: 7 }
const envelope = { specversion: '1.0', id: '42', type: 'order.placed', source: '/elsewhere', subject: 'a' }

describe('records that somebody else wrote to kafka', () => {
  const { client, channel, topic: make } = bed()
  const apps: App[] = []
  afterEach(() => Promise.all(apps.splice(0).map((app) => app.stop())))

  test.each([
    {
      form: 'a CloudEvent in binary mode',
      headers: { ce_specversion: '1.0', ce_id: '42', ce_type: 'order.placed', ce_source: '/elsewhere', 'content-type': 'application/json' },
      value: order,
    },
    { form: 'a CloudEvent in structured mode', headers: { 'content-type': 'application/cloudevents+json; charset=UTF-8' }, value: { ...envelope, data: order } },
    {
      form: 'a structured CloudEvent whose data are bytes',
      headers: { 'content-type': 'application/cloudevents+json' },
      value: { ...envelope, data_base64: Buffer.from(JSON.stringify(order)).toString('base64') },
    },
    { form: "a record of Spring's JSON serializer", headers: { __TypeId__: 'com.acme.OrderPlaced' }, value: order },
  ])('$form reaches the listener of its type', async ({ headers, value }) => {
    const taken: [OrderPlaced, string | undefined][] = []
    @Service('billing')
    class Billing {
      @Listener(OrderPlaced)
      on(event: OrderPlaced, { key }: Delivery): void {
        taken.push([event, key])
      }
    }
    const { topic } = await started(Billing)

    await write(topic, { key: 'a', headers, value: JSON.stringify(value) })
    await eventually(() => taken.length === 1)

    expect(taken[0]?.[0]).toMatchObject(order)
    expect(taken[0]?.[1]).toBe('a')
  })

  test('bare JSON and tombstones reach a listener of whatever passes', async () => {
    const taken: { readonly json: unknown; readonly key: string | undefined }[] = []
    @Service('billing')
    class Billing {
      @RawListener('orders')
      on(message: RawMessage, { key }: Delivery): void {
        taken.push({ json: message.body.length === 0 ? 'tombstone' : message.json(), key })
      }
    }
    const { topic } = await started(Billing)

    await write(topic, { key: 'a', value: '{"orderId":"a"}' })
    await write(topic, { key: 'a', value: null })
    await eventually(() => taken.length === 2)

    expect(taken).toEqual([
      { json: { orderId: 'a' }, key: 'a' },
      { json: 'tombstone', key: 'a' },
    ])
  })

  test('B08 a structured CloudEvent that cannot be read stays as it came', async () => {
    const taken: string[] = []
    @Service('billing')
    class Billing {
      @RawListener('orders')
      on(message: RawMessage): void {
        taken.push(Buffer.from(message.body).toString())
      }
    }
    const { topic } = await started(Billing)
    const headers = { 'content-type': 'application/cloudevents+json' }
    const bodies = ['{"specversion":', 'null', '[]', '{"id":1}']

    for (const value of bodies) await write(topic, { key: null, headers, value })
    await eventually(() => taken.length === bodies.length)

    expect(taken).toEqual(bodies)
  })

  async function started(service: new () => object): Promise<{ readonly topic: string }> {
    const topic = channel()
    const namespace = channel()
    await make(topic)
    const transport = kafka({ brokers })
    const channels = { orders: { existing: { topic } } }
    const app = createApp({ name: `app-${randomUUID().slice(0, 8)}`, namespace, services: [service], transport, channels, signals: false, log: false })
    apps.push(app)
    await app.start()

    return { topic }
  }

  async function write(topic: string, { key, headers, value }: { readonly key: string | null; readonly headers?: IHeaders; readonly value: string | null }): Promise<void> {
    const producer = client.producer()
    await producer.connect()
    await producer.send({ topic, messages: [{ key, value, ...(headers ? { headers } : {}) }] })
    await producer.disconnect()
  }
})
