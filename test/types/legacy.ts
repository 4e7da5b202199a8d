// What users write for brokers, other systems and operators. It compiles.

import { Command, createApp, Event, Listener, Publisher, RawListener, Service, unchecked } from '@waybill/core'
import type { App, AppTopology, DeadMessage, Delivery, Health, Logger, Middleware, Publish, RawMessage, Transport } from '@waybill/core'
import { ContainerModule } from 'inversify'
import { z } from 'zod'
import { OrderPlaced, Orders, Stock } from './shop.js'

export class ParcelSent extends Event('parcel.sent', { foreign: { name: 'com.acme.ParcelSent' }, payload: z.object({ parcel: z.string() }) }) {}

/** The whole payload is always `payload`, also where a member of the union has a field of that name. */
export class Wrapped extends Event('wrapped.seen', {
  payload: z.discriminatedUnion('type', [z.object({ type: z.literal('text'), payload: z.string() }), z.object({ type: z.literal('none') })]),
}) {}

export class Envelope extends Event('envelope.seen', { payload: z.object({ type: z.string(), payload: z.object({ id: z.string() }) }) }) {}
export class Labels extends Event('labels.seen', { payload: z.record(z.string(), z.number()) }) {}
export class Totals extends Command('totals.add', { payload: z.array(z.number()) }) {}

export class Prices {
  of(sku: string): number {
    return sku.length
  }
}

@Service('legacy')
export class Legacy {
  constructor(
    private readonly prices: Prices,
    @Publisher(ParcelSent) private readonly sent: Publish<ParcelSent>,
  ) {}

  @RawListener('warehouse', { concurrency: 1, retry: { attempts: 3, backoff: ['1s', '10s'] } })
  async raw(message: RawMessage, delivery: Delivery): Promise<void> {
    if (message.name === 'sent') await this.sent({ parcel: delivery.key ?? message.text() })
  }

  @RawListener('scales')
  bytes({ body }: RawMessage): number {
    return body.byteLength + this.prices.of('a')
  }

  @Listener(Wrapped)
  wrapped({ payload }: Wrapped): string {
    return payload.type === 'text' ? payload.payload : payload.type
  }

  @Listener(Envelope)
  envelope(event: Envelope): string {
    return event.type + event.payload.type + event.payload.payload.id
  }

  @Listener(Labels)
  labels({ payload }: Labels): number {
    return payload.a ?? 0
  }

  @Listener(Totals)
  totals({ payload }: Totals): number {
    return payload.reduce((sum, n) => sum + n, 0)
  }

  @Publisher(ParcelSent)
  async sendAll(parcels: readonly string[]): Promise<readonly ParcelSent[]> {
    return parcels.map((parcel) => new ParcelSent({ parcel }))
  }
}

export const timing: Middleware = {
  async listen(call, next) {
    const result = await next()
    return call.delivery.attempt > 1 ? `${call.listener} ${call.group}` : result
  },
  async publish(call, next) {
    await next({ ...call.options, headers: { tenant: 'a', count: call.messages.length } })
  },
}

export const modules = new ContainerModule(({ bind }) => {
  bind(Prices).toSelf().inSingletonScope()
})

export function build(queue: Transport, log: Transport, logger: Logger): App {
  return createApp({
    name: 'shop',
    namespace: 'acme.test',
    services: [Orders, Stock, Legacy],
    transports: { queue, log },
    channels: {
      orders: { transport: 'log', partitions: 8, log: { replication: 3, settings: { 'retention.ms': '604800000' } } },
      stock: { transport: 'queue', queue: { type: 'quorum', arguments: { 'x-max-length': 1000 } }, fallback: 'outbox' },
      warehouse: { existing: { exchange: 'amq.topic', queue: 'warehouse-in' } },
    },
    modules: [modules],
    middleware: [timing, { listen: (_call, next) => next() }],
    plugins: [{ name: 'outbox', start: async ({ plan }) => void plan.listeners.length }],
    signals: false,
    shutdown: '10s',
    log: logger,
  })
}

export async function operate(app: App): Promise<string> {
  const { ready, reasons, connections, consumers }: Health = app.health()
  const [letter]: readonly DeadMessage[] = await app.deadLetters.list({ channel: 'stock', group: 'stock' }, { limit: 10 })
  const count = await app.deadLetters.redrive({ channel: 'stock', group: 'stock' }, { ids: ['a'] })
  await app.deadLetters.discard({ channel: 'stock', group: 'stock' }, { because: 'test data' })
  const { channels, messages }: AppTopology = app.topology
  return [ready, ...reasons, connections[0]?.transport, consumers[0]?.running, letter?.origin?.address, count, channels[0]?.transport, messages[0]?.kind].join()
}

export class Trusting extends Event('trusting.seen', { payload: unchecked<{ id: string }>() }) {}
export const placed = OrderPlaced.messageName satisfies 'order.placed'
