import { context, propagation, SpanKind, SpanStatusCode } from '@opentelemetry/api'
import type { ReadableSpan } from '@opentelemetry/sdk-trace-base'
import { type AppOptions, type BatchItem, createApp, Event, Listener, type Publish, Publisher, Service } from '@waybill/core'
import { eventually } from '@waybill/testing'
import { tracing, type TracingOptions } from '@waybill/tracing'
import { memory, memoryBroker } from '@waybill/transport-memory'
import { expect, onTestFinished, test } from 'vitest'
import { z } from 'zod'
import { gate } from '../core/on-memory.js'
import { faultsOf } from './conventions.js'
import { telemetry, treeOf } from './traced-app.js'

const payload = z.object({ order: z.string() })
class Ordered extends Event('ordered', { channel: 'orders', payload }) {}
class Reserved extends Event('reserved', { channel: 'stock', payload }) {}

@Service('stock')
class Stock {
  #tries = 0

  constructor(@Publisher(Reserved) private readonly reserved: Publish<Reserved>) {}

  @Listener(Ordered, { retry: { attempts: 2, backoff: '1ms..1ms' } })
  async reserve({ order }: Ordered): Promise<void> {
    if (order === 'bad') throw new Error(`secret of ${order}`)
    if (order === 'slow' && this.#tries++ === 0) throw new Error('not yet')
    await this.reserved({ order })
  }
}

@Service('shipping')
class Shipping {
  @Listener(Reserved)
  async ship(): Promise<void> {}
}

/** Two apps on one broker, each with tracing of its own, as two processes would be. */
async function shop(options: TracingOptions = {}, services: readonly AppOptions['services'][] = [[Stock], [Shipping]]) {
  const { provider, spans } = telemetry()
  const broker = memoryBroker()
  const apps = services.map((own, i) =>
    createApp({ name: `shop-${i}`, services: own, transport: memory({ broker }), plugins: [tracing({ provider, ...options })], signals: false, log: false }),
  )
  onTestFinished(async () => void (await Promise.all(apps.map((app) => app.stop()))))
  for (const app of apps) await app.start()
  const [front] = apps
  if (!front) throw new Error('There is an app.')

  return { front, broker, provider, spans }
}

function named(spans: readonly ReadableSpan[], name: string): ReadableSpan {
  const found = spans.find((span) => span.name === name)
  if (!found) throw new Error(`There is no span "${name}" among ${spans.map((span) => span.name).join(', ')}.`)

  return found
}

test('an order that crosses two services and a retry is one connected tree', async () => {
  const { front, provider, spans } = await shop()

  await provider.getTracer('http').startActiveSpan('POST /orders', async (request) => {
    await front.publish(new Ordered({ order: 'slow' }))
    request.end()
  })
  await eventually(() => spans().some(({ name }) => name === 'process stock'))

  expect(treeOf(spans())).toEqual([
    'POST /orders',
    '  create orders',
    '    send orders',
    '    process orders',
    '    retry orders',
    '    process orders',
    '      create stock',
    '        send stock',
    '        process stock',
  ])
  expect(new Set(spans().map((span) => span.spanContext().traceId)).size).toBe(1)
})

test('spans have the kinds, names and attributes that OpenTelemetry gives them', async () => {
  const { front, spans } = await shop()

  await front.publish(new Ordered({ order: '1' }))
  await eventually(() => spans().some(({ name }) => name === 'process stock'))

  const common = {
    'messaging.system': 'memory',
    'messaging.destination.name': 'orders',
    'messaging.message.id': expect.any(String),
    'messaging.message.conversation_id': expect.any(String),
  }
  expect(named(spans(), 'create orders')).toMatchObject({
    kind: SpanKind.PRODUCER,
    attributes: { ...common, 'messaging.operation.name': 'create', 'messaging.operation.type': 'create' },
  })
  expect(named(spans(), 'send orders')).toMatchObject({ kind: SpanKind.CLIENT, attributes: { ...common, 'messaging.operation.type': 'send', 'messaging.message.body.size': 13 } })
  expect(named(spans(), 'process orders')).toMatchObject({
    kind: SpanKind.CONSUMER,
    attributes: { ...common, 'messaging.operation.type': 'process', 'messaging.consumer.group.name': 'stock', 'waybill.listener': 'Stock.reserve', 'waybill.attempt': 1 },
  })
  const ids = ['orders', 'stock'].map((channel) => named(spans(), `process ${channel}`).attributes['messaging.message.conversation_id'])
  expect(ids[1]).toBe(ids[0])
})

test('each acknowledgement is a span where that is asked for: of what was done, and of what died', async () => {
  const { front, spans } = await shop({ settle: true })

  await front.publish([new Ordered({ order: '1' }), new Ordered({ order: 'bad' })])
  await eventually(() => spans().filter(({ name }) => name.startsWith('ack ')).length === 3)

  expect(named(spans(), 'ack stock')).toMatchObject({ kind: SpanKind.CLIENT, attributes: { 'messaging.operation.type': 'settle', 'waybill.listener': 'Shipping.ship' } })
  const { traceId } = named(spans(), 'dead_letter orders').spanContext()
  expect(treeOf(spans().filter((span) => span.spanContext().traceId === traceId))).toEqual([
    'create orders',
    '  send orders',
    '  process orders',
    '  retry orders',
    '  process orders',
    '  dead_letter orders',
    '  ack orders',
  ])
  expect(spans().flatMap(faultsOf)).toEqual([])
})

test('a message that fails marks its work as failed by the name of the error alone, and its death is in the tree', async () => {
  const { front, spans } = await shop()

  await front.publish(new Ordered({ order: 'bad' }))
  await eventually(() => spans().some(({ name }) => name === 'dead_letter orders'))

  expect(named(spans(), 'process orders')).toMatchObject({ status: { code: SpanStatusCode.ERROR, message: 'Error' }, attributes: { 'error.type': 'Error' } })
  expect(named(spans(), 'dead_letter orders').attributes).toMatchObject({ 'waybill.reason': 'FAILED', 'messaging.operation.type': 'settle' })
  expect(JSON.stringify(spans().map(({ attributes, status, events }) => ({ attributes, status, events })))).not.toContain('secret')
})

test('work may be a trace of its own that links to where its message was made', async () => {
  const { front, spans } = await shop({ consume: 'link' })

  await front.publish(new Ordered({ order: '1' }))
  await eventually(() => spans().some(({ name }) => name === 'process stock'))

  const made = named(spans(), 'create orders').spanContext()
  const work = named(spans(), 'process orders')
  expect(work.parentSpanContext).toBeUndefined()
  expect(work.spanContext().traceId).not.toBe(made.traceId)
  expect(work.links.map(({ context: linked }) => linked.spanId)).toEqual([made.spanId])
})

test('a batch is one span that links to each of its messages', async () => {
  @Service('stock')
  class Batches {
    @Listener(Ordered, { batch: { size: 3, wait: '1s' } })
    async take(_orders: readonly Ordered[], _items: readonly BatchItem[]): Promise<void> {}
  }
  const { front, spans } = await shop({}, [[Batches]])

  await front.publish(['1', '2', '3'].map((order) => new Ordered({ order })))
  await eventually(() => spans().some(({ name }) => name === 'process orders'))

  const work = named(spans(), 'process orders')
  expect(work.attributes['messaging.batch.message_count']).toBe(3)
  expect(work.links.map(({ context: { spanId } }) => spanId).sort()).toEqual(
    spans()
      .filter(({ name }) => name === 'create orders')
      .map((span) => span.spanContext().spanId)
      .sort(),
  )
})

test('of the baggage only what is allowed travels on', async () => {
  const seen = gate<Record<string, string>>()
  @Service('stock')
  class Reader {
    @Listener(Ordered)
    take(): void {
      const entries = propagation.getBaggage(context.active())?.getAllEntries() ?? []
      seen.open(Object.fromEntries(entries.map(([name, { value }]) => [name, value])))
    }
  }
  const { front } = await shop({ baggage: ['tenant'] }, [[Reader]])
  const baggage = propagation.createBaggage({ tenant: { value: 'a, b' }, password: { value: 'x' } })

  await context.with(propagation.setBaggage(context.active(), baggage), () => front.publish(new Ordered({ order: '1' })))

  expect(await seen.opened).toEqual({ tenant: 'a, b' })
})

test('B19 a malformed traceparent begins a trace of its own', async () => {
  const { broker, spans } = await shop()
  const traceparent = '00-00000000000000000000000000000000-b7ad6b7169203331-01'
  const broken = { name: 'broken', trace: () => ({ traceparent, tracestate: 'x'.repeat(600), baggage: '%%%' }) }
  const stranger = createApp({ name: 'stranger', services: [], transport: memory({ broker }), plugins: [broken], signals: false, log: false })
  onTestFinished(() => stranger.stop())
  await stranger.start()

  await stranger.publish(new Ordered({ order: '1' }))
  await eventually(() => spans().some(({ name }) => name === 'process stock'))

  const work = named(spans(), 'process orders')
  expect(work.parentSpanContext).toBeUndefined()
  expect(work.spanContext().traceId).not.toBe('0'.repeat(32))
})
