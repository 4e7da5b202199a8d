// What users write. It compiles.

import { Command, createApp, DeadLetter, Event, Listener, Publisher, Query, Retry, Service, unchecked } from '@waybill/core'
import type { App, Ask, BatchItem, Delivery, ManualDelivery, Publish, Transport } from '@waybill/core'
import { z } from 'zod'

const Line = z.object({ sku: z.string(), quantity: z.number().int().positive() })

export class OrderPlaced extends Event('order.placed', {
  channel: 'orders',
  key: 'orderId',
  payload: z.object({ orderId: z.string(), lines: z.array(Line), total: z.number(), at: z.coerce.date<string>() }),
}) {
  get isLarge(): boolean {
    return this.total > 1000
  }
}

export class OrderCopied extends Event('order.copied', {
  key: 'orderId',
  payload: z.object({ orderId: z.string(), lines: z.array(Line), total: z.number(), at: z.coerce.date<string>() }),
}) {}

export class OrderConfirmed extends Event('order.confirmed', { channel: 'orders', key: 'orderId', payload: z.object({ orderId: z.string(), charge: z.string() }) }) {}
export class OrderRejected extends Event('order.rejected', { channel: 'orders', key: 'orderId', payload: z.object({ orderId: z.string(), reason: z.string() }) }) {}
export class OrderCancelled extends Event('order.cancelled', { channel: 'orders', key: 'orderId', payload: z.object({ orderId: z.string() }) }) {}

export class ReserveStock extends Command('stock.reserve', { key: 'orderId', payload: z.object({ orderId: z.string(), lines: z.array(Line) }) }) {}
export class ReleaseStock extends Command('stock.release', { key: (payload) => payload.reservation, payload: z.object({ reservation: z.string() }) }) {}
export class StockReserved extends Event('stock.reserved', {
  version: 2,
  upcast: { 1: (old: { id: string }) => ({ orderId: old.id, reservation: old.id }) },
  payload: z.object({ orderId: z.string(), reservation: z.string() }),
}) {}
export class StockRejected extends Event('stock.rejected', { payload: z.object({ orderId: z.string(), reason: z.string() }) }) {}

export class ChargeCard extends Command('payment.charge', { payload: unchecked<{ orderId: string; amount: number }>() }) {}
export class CardCharged extends Event('payment.charged', { payload: z.object({ orderId: z.string(), charge: z.string() }) }) {}
export class CardDeclined extends Event('payment.declined', { payload: z.object({ orderId: z.string() }) }) {}
export class Paid extends Event('payment.paid', {
  payload: z.discriminatedUnion('kind', [z.object({ kind: z.literal('card'), pan: z.string() }), z.object({ kind: z.literal('cash') })]),
}) {}

export class GetQuote extends Query('quote.get', { payload: z.object({ sku: z.string() }), reply: z.object({ price: z.number() }) }) {}

@Service('orders')
export class Orders {
  constructor(
    @Publisher(OrderPlaced) private readonly placed: Publish<OrderPlaced>,
    @Publisher(GetQuote) private readonly quote: Ask<GetQuote>,
  ) {}

  async place(orderId: string): Promise<void> {
    const { price } = await this.quote({ sku: 'a' }, { timeout: '2s' })
    await this.store(orderId, price)
  }

  async store(orderId: string, total: number): Promise<void> {
    await this.placed({ orderId, lines: [], total, at: new Date().toISOString() }, { delay: '5m' })
    await this.placed([{ orderId, lines: [], total, at: '2026-01-01' }], { held: false })
  }

  @Publisher(OrderConfirmed, OrderRejected)
  async decide(orderId: string): Promise<OrderConfirmed | OrderRejected | undefined> {
    return orderId ? new OrderConfirmed({ orderId, charge: 'c' }) : undefined
  }
}

@Service('stock')
export class Stock {
  @Listener(ReserveStock, { concurrency: [1, 16], retry: { attempts: 5, backoff: '200ms..30s' }, deadKey: 'park' })
  @Publisher(StockReserved, StockRejected)
  async reserve(command: ReserveStock, delivery: Delivery): Promise<StockReserved | StockRejected> {
    if (command.lines.length > 100) return new StockRejected({ orderId: command.orderId, reason: 'too large' })
    return new StockReserved({ orderId: command.orderId, reservation: delivery.id })
  }

  @Listener([OrderConfirmed, OrderRejected])
  note(event: OrderConfirmed | OrderRejected): string {
    return event.orderId
  }

  @Listener(OrderPlaced, { group: 'stock-audit', batch: { size: 100, wait: '50ms' } })
  async audit(events: readonly OrderPlaced[], items: readonly BatchItem[]): Promise<void> {
    events.forEach((event, i) => event.isLarge && items[i]?.fail(new Error('too large')))
  }

  @Listener(ReleaseStock, { settle: 'manual' })
  release(_command: ReleaseStock, delivery: ManualDelivery): void {
    delivery.retry({ after: '5s' })
  }

  @Listener(GetQuote)
  give(query: GetQuote): { price: number } {
    if (query.sku === '') throw new DeadLetter('no such item')
    return { price: 1 }
  }

  @Listener(Paid, { transaction: false, timeout: '10s', rate: { limit: 10, per: '1s', by: 'kind' } })
  paid(event: Paid): string {
    if (event.payload.kind === 'cash') throw new Retry({ after: '1m' })
    return event.payload.pan
  }
}

export async function main(transport: Transport): Promise<App> {
  const app = createApp({ name: 'shop', services: [Orders, Stock], transport })
  await app.start()
  await app.get(Orders).place('o-1')
  await app.publish(new OrderCancelled({ orderId: 'o-1' }))
  await app.get(Orders).store('o-2', (1 + 1) * 2)
  const { price } = await app.ask(new GetQuote({ sku: String(Math.PI) }))
  await app.get(Orders).store('o-3', price)
  return app
}

/** A unit test needs no container and no library. */
export const orders = new Orders(async () => {}, async () => ({ price: 1 }))
