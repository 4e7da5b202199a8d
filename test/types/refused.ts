// What the compiler must refuse. Each expectation is a mistake that a user makes.

import { Command, Context, createApp, Event, Listener, Publisher, Service } from '@waybill/core'
import type { App, Ask, BatchItem, Publish, Store, Transport } from '@waybill/core'
import { Transactional } from '@waybill/outbox'
import { z } from 'zod'
import { GetQuote, OrderConfirmed, OrderCopied, OrderPlaced, StockRejected, StockReserved } from './shop.js'

// @ts-expect-error the key is no field of the payload
export class WrongKey extends Event('wrong.key', { key: 'nope', payload: z.object({ id: z.string() }) }) {}
// @ts-expect-error a key is a string or a number
export class ListKey extends Event('list.key', { key: 'lines', payload: z.object({ lines: z.array(z.string()) }) }) {}
// @ts-expect-error the wire cannot carry a Date
export class NotJson extends Command('not.json', { payload: z.object({ at: z.date() }) }) {}

@Service('mistakes')
export class Mistakes {
  constructor(
    // @ts-expect-error the parameter publishes another message than the decorator says
    @Publisher(OrderPlaced) readonly other: Publish<StockReserved>,
    // @ts-expect-error same shape, other name
    @Publisher(OrderPlaced) readonly twin: Publish<OrderCopied>,
    // @ts-expect-error an event has no reply
    @Publisher(OrderPlaced) readonly ask: Ask<OrderPlaced>,
    // @ts-expect-error a query is asked, not published
    @Publisher(GetQuote) readonly tell: Publish<GetQuote>,
    readonly placed: Publish<OrderPlaced>,
    readonly quote: Ask<GetQuote>,
  ) {}

  async send(): Promise<void> {
    // @ts-expect-error a field is missing
    await this.placed({ orderId: 'a', lines: [], total: 1 })
    // @ts-expect-error a field has the wrong type
    await this.placed({ orderId: 1, lines: [], total: 1, at: '' })
    // @ts-expect-error a field too many
    await this.placed({ orderId: 'a', lines: [], total: 1, at: '', extra: true })
    // @ts-expect-error not a duration
    await this.placed({ orderId: 'a', lines: [], total: 1, at: '' }, { delay: '5 minutes' })
    // @ts-expect-error the reply has no such field
    void (await this.quote({ sku: 'a' })).cost
  }

  // @ts-expect-error listens to one message, takes another
  @Listener(OrderPlaced) wrong(_event: StockReserved): void {}
  // @ts-expect-error same shape, other name
  @Listener(OrderPlaced) twins(_event: OrderCopied): void {}
  // @ts-expect-error takes only one of the two
  @Listener([StockReserved, StockRejected]) half(_event: StockReserved): void {}
  // @ts-expect-error a batch listener takes an array
  @Listener(OrderPlaced, { batch: { size: 10 } }) batch(_event: OrderPlaced): void {}
  // @ts-expect-error a query is answered with its reply
  @Listener(GetQuote) none(_query: GetQuote): void {}
  // @ts-expect-error a query has a listener of its own
  @Listener([GetQuote, OrderPlaced]) mixed(_message: GetQuote | OrderPlaced): void {}
  // @ts-expect-error nobody would answer
  @Listener(GetQuote, { batch: { size: 10 } }) many(_queries: readonly GetQuote[], _items: readonly BatchItem[]): void {}
  // @ts-expect-error nobody would answer
  @Listener(GetQuote, { settle: 'manual' }) manual(_query: GetQuote): void {}
  // @ts-expect-error an unknown option
  @Listener(OrderPlaced, { concurency: 3 }) typo(_event: OrderPlaced): void {}
  // @ts-expect-error a mistyped field of an option
  @Listener(OrderPlaced, { group: 'r', batch: { sizes: 3 } }) sizes(_events: readonly OrderPlaced[], _items: readonly BatchItem[]): void {}
  // @ts-expect-error an item of a batch is settled by what the method does
  @Listener(OrderPlaced, { batch: { size: 3 }, settle: 'manual' }) both(_events: readonly OrderPlaced[], _items: readonly BatchItem[]): void {}
  // @ts-expect-error several messages are no list
  @Publisher([OrderConfirmed, StockReserved]) async listed(): Promise<OrderConfirmed | StockReserved> {
    throw new Error('It never runs.')
  }
  // @ts-expect-error returns what it does not declare
  @Publisher(StockReserved) async undeclared(): Promise<StockRejected> {
    return new StockRejected({ orderId: 'a', reason: 'b' })
  }
  // @ts-expect-error nobody could await this publish
  @Publisher(StockReserved) unawaited(): StockReserved {
    return new StockReserved({ orderId: 'a', reservation: 'r' })
  }
}

export async function outside(app: App, transport: Transport, store: Store): Promise<void> {
  // @ts-expect-error a query is asked
  await app.publish(new GetQuote({ sku: 'a' }))
  // @ts-expect-error an event cannot be asked
  await app.ask(new OrderConfirmed({ orderId: '', charge: '' }))
  // @ts-expect-error an unknown option
  createApp({ name: 'x', services: [], transport, plugin: [] })
  // @ts-expect-error a transport is no plugin
  createApp({ name: 'x', services: [], transport, plugins: [transport] })
  // @ts-expect-error a store is no plugin
  createApp({ name: 'x', services: [], transport, plugins: [store] })
}

export class Transactions {
  // @ts-expect-error a transaction ends when its method's promise does
  @Transactional()
  atOnce(): number {
    return 1
  }

  // @ts-expect-error no such isolation
  @Transactional({ isolation: 'chaos' })
  async isolated(): Promise<void> {}

  // @ts-expect-error a mistyped option
  @Transactional({ readonly: true })
  async mistyped(): Promise<void> {}
}

// @ts-expect-error the wire cannot carry a Date
export const since = Context('since', z.object({ at: z.date() }))
