import { type AppOptions, createApp, type Delivery, Event, Listener, type Publish, Publisher, RawListener, type RawMessage, Service, unchecked } from '@waybill/core'
import { rabbitmq } from '@waybill/transport-rabbitmq'
import { afterAll, describe, expect, test } from 'vitest'
import { z } from 'zod'
import { bed, soon, url } from './bed.js'

interface Order {
  readonly orderId: string
}

class OrderPlaced extends Event('order.placed', { channel: 'orders', payload: unchecked<Order>(), foreign: { name: 'com.shop.OrderPlaced' } }) {}

describe('foreign traffic on RabbitMQ', () => {
  const broker = bed()
  const leave: (() => Promise<unknown>)[] = []
  afterAll(async () => {
    for (const step of leave.reverse()) await step()
  })

  /** An app in a namespace of its own, stopped and removed at the end. */
  const started = async (namespace: string, services: AppOptions['services'], existing?: { readonly queue: string }) => {
    const app = createApp({
      name: 'shop',
      namespace,
      services,
      transport: rabbitmq({ url }),
      signals: false,
      log: false,
      ...(existing ? { channels: { orders: { existing } } } : {}),
    })
    await app.start()
    leave.push(
      () => broker.channel.deleteExchange(`${namespace}.orders`),
      ...['', '.dead'].map((end) => () => broker.channel.deleteQueue(`${namespace}.orders.billing${end}`)),
      () => app.stop(),
    )

    return app
  }

  test('what Spring AMQP sends, with its type in a header, is the message that names that type', async () => {
    const namespace = broker.namespace()
    const heard: OrderPlaced[] = []
    await started(namespace, [billingInto(heard)])

    const options = { contentType: 'application/json', contentEncoding: 'UTF-8', deliveryMode: 2, priority: 0, headers: { __TypeId__: 'com.shop.OrderPlaced' } }
    broker.channel.publish(`${namespace}.orders`, 'com.shop.OrderPlaced', Buffer.from('{"orderId":"s-1"}'), options)
    await soon(() => heard.length === 1)

    expect(heard[0]).toBeInstanceOf(OrderPlaced)
    expect(heard[0]?.orderId).toBe('s-1')
  })

  test('what NestJS, MassTransit and a bare client send is taken as it is by a raw listener on their queue', async () => {
    const [namespace, queue] = [broker.namespace(), `${broker.namespace()}-theirs`]
    const heard: RawMessage[] = []
    @Service('billing')
    class Billing {
      @RawListener('orders')
      take(message: RawMessage): void {
        heard.push(message)
      }
    }
    await broker.channel.assertQueue(queue, { durable: true })
    leave.push(() => broker.channel.deleteQueue(queue))
    await started(namespace, [Billing], { queue })
    const nest = { pattern: 'order.placed', data: { orderId: 'n-1' } }
    const massTransit = { messageId: 'b0b6', messageType: ['urn:message:Shop:OrderPlaced'], message: { orderId: 'm-1' } }

    broker.channel.sendToQueue(queue, Buffer.from(JSON.stringify(nest)))
    broker.channel.sendToQueue(queue, Buffer.from(JSON.stringify(massTransit)), {
      contentType: 'application/vnd.masstransit+json',
      messageId: 'b0b6',
      headers: { 'MT-Activity-Id': '00-1', 'MT-Host': { machine: 'a' } },
    })
    broker.channel.sendToQueue(queue, Buffer.from([0, 1, 2, 255]), { contentType: 'application/octet-stream', type: 'reading' })
    await soon(() => heard.length === 3)

    const bodies = heard.map(({ body }) => Buffer.from(body))
    expect(bodies.slice(0, 2).map((body) => JSON.parse(body.toString()) as unknown)).toEqual([nest, massTransit])
    expect(bodies[2]).toEqual(Buffer.from([0, 1, 2, 255]))
    expect(heard.map(({ contentType, name }) => [name, contentType])).toEqual([
      ['order.placed', undefined],
      ['urn:message:Shop:OrderPlaced', 'application/vnd.masstransit+json'],
      ['reading', 'application/octet-stream'],
    ])
  })

  test.each([
    {
      by: 'MassTransit',
      name: 'urn:message:Shop:OrderPlaced',
      body: {
        messageId: 'b0b6',
        conversationId: 'c1',
        messageType: ['urn:message:Shop:OrderPlaced', 'urn:message:Shop:IOrder'],
        message: { orderId: 'o-1' },
        sentTime: '2026-01-02T03:04:05Z',
      },
      options: { contentType: 'application/vnd.masstransit+json', messageId: 'b0b6', headers: { 'MT-Activity-Id': '00-1' } },
    },
    { by: 'NestJS', name: 'order_placed', body: { pattern: 'order_placed', data: { orderId: 'o-1' } }, options: { persistent: true } },
  ])('what $by wraps is the message that names its type, at each try, and a dead letter keeps the bytes as they came', async ({ body, name, options }) => {
    const [namespace, queue] = [broker.namespace(), `${broker.namespace()}-theirs`]
    class Placed extends Event('order.placed', { channel: 'orders', payload: z.object({ orderId: z.string() }), foreign: { name } }) {}
    const tries: [orderId: string, attempt: number][] = []
    @Service('billing')
    class Billing {
      @Listener(Placed, { retry: { attempts: 2, backoff: ['50ms'] } })
      bill({ orderId }: Placed, { attempt }: Delivery): void {
        tries.push([orderId, attempt])
        throw new Error('Never.')
      }
    }
    await broker.channel.assertQueue(queue, { durable: true })
    leave.push(() => broker.channel.deleteQueue(queue))
    const app = await started(namespace, [Billing], { queue })
    const of = { channel: 'orders', group: 'billing' }
    const bytes = Buffer.from(JSON.stringify(body))

    broker.channel.sendToQueue(queue, bytes, options)
    await soon(async () => (await app.deadLetters.list(of)).length === 1)
    const [letter] = await app.deadLetters.list(of)
    await app.deadLetters.redrive(of)
    await soon(() => tries.length === 4)

    expect(tries).toEqual([1, 2, 1, 2].map((attempt) => ['o-1', attempt]))
    expect(letter).toMatchObject({ name, reason: 'FAILED' })
    expect(Buffer.from(letter?.body ?? [])).toEqual(bytes)
  })

  test('what only looks like an envelope of theirs stays as it came', async () => {
    const [namespace, queue] = [broker.namespace(), `${broker.namespace()}-theirs`]
    class Placed extends Event('order.placed', { channel: 'orders', payload: unchecked<{ readonly pattern: string; readonly data: number }>() }) {}
    const heard: unknown[] = []
    @Service('billing')
    class Billing {
      @Listener(Placed)
      bill({ data, pattern }: Placed): void {
        heard.push({ data, pattern })
      }
    }
    await broker.channel.assertQueue(queue, { durable: true })
    leave.push(() => broker.channel.deleteQueue(queue))
    const app = await started(namespace, [Billing], { queue })
    const own = { pattern: 'stripes', data: 5 }
    const massTransit = 'application/vnd.masstransit+json'
    const broken: [body: string, contentType?: string][] = [
      ['{"pattern":"order.placed"'],
      ['{"pattern":"order.placed"}'],
      [`{"pattern":"order.placed","data":${'['.repeat(5_000)}`],
      ['null', massTransit],
      ['{"messageType":[],"message":{}}', massTransit],
      ['{"messageType":["order.placed"]}', massTransit],
      ['{"messageType":{"0":"order.placed"},"message":{}}', massTransit],
    ]

    for (const [body, contentType] of broken) broker.channel.sendToQueue(queue, Buffer.from(body), contentType === undefined ? {} : { contentType })
    broker.channel.sendToQueue(queue, Buffer.from(JSON.stringify(own)), { type: 'order.placed' })
    broker.channel.sendToQueue(queue, Buffer.from(JSON.stringify(own)), { type: 'order.placed', contentType: 'application/json' })
    await soon(async () => (await app.deadLetters.list({ channel: 'orders', group: 'billing' })).length === broken.length)
    await soon(() => heard.length === 2)

    expect((await app.deadLetters.list({ channel: 'orders', group: 'billing' })).map(({ body, reason }) => [Buffer.from(body).toString(), reason])).toEqual(
      broken.map(([body]) => [body, 'UNKNOWN_TYPE']),
    )
    expect(heard).toEqual([own, own])
  })

  test('what is sent by the key alone is a dead letter that says to set the type, and with its type it is heard', async () => {
    const namespace = broker.namespace()
    const heard: OrderPlaced[] = []
    const app = await started(namespace, [billingInto(heard)])
    const body = Buffer.from('{"orderId":"b-1"}')

    broker.channel.publish(`${namespace}.orders`, 'order.placed', body, { contentType: 'application/json' })
    broker.channel.publish(`${namespace}.orders`, 'order.placed', body, { contentType: 'application/json', type: 'order.placed' })
    await soon(() => heard.length === 1)
    await soon(async () => (await app.deadLetters.list({ channel: 'orders', group: 'billing' })).length === 1)

    expect(await app.deadLetters.list({ channel: 'orders', group: 'billing' })).toMatchObject([{ reason: 'UNKNOWN_TYPE', message: expect.stringContaining('the property `type`') }])
  })

  test('what this app sends is plain JSON with standard properties, which any client reads', async () => {
    const namespace = broker.namespace()
    @Service('shop')
    class Shop {
      constructor(@Publisher(OrderPlaced) readonly placed: Publish<OrderPlaced>) {}
    }
    const app = await started(namespace, [Shop])
    const { queue } = await broker.channel.assertQueue('', { exclusive: true })
    await broker.channel.bindQueue(queue, `${namespace}.orders`, 'order.placed')

    await app.get(Shop).placed({ orderId: 'w-1' })
    let found = await broker.channel.get(queue, { noAck: true })
    await soon(async () => (found ||= await broker.channel.get(queue, { noAck: true })) !== false)
    if (!found) throw new Error('nothing came')

    expect(JSON.parse(found.content.toString())).toEqual({ orderId: 'w-1' })
    expect(found.properties).toMatchObject({ contentType: 'application/json', deliveryMode: 2, type: 'order.placed', messageId: expect.any(String), timestamp: expect.any(Number) })
    expect(found.properties.headers).toMatchObject({ cloudEvents_type: 'order.placed', cloudEvents_source: '/shop' })
  })
})

function billingInto(heard: OrderPlaced[]) {
  @Service('billing')
  class Billing {
    @Listener(OrderPlaced)
    bill(order: OrderPlaced): void {
      heard.push(order)
    }
  }

  return Billing
}
