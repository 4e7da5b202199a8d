// What the compiler must refuse where other systems, brokers and operators are concerned. Each expectation is a mistake that a user makes.

import { createApp, Event, Listener, Publisher, Query, RawListener, Service } from '@waybill/core'
import type { App, Middleware, Publish, RawMessage, Transport } from '@waybill/core'
import { z } from 'zod'
import { ParcelSent, Prices, timing, Totals, Wrapped } from './legacy.js'
import { GetQuote, OrderPlaced, Orders, StockReserved } from './shop.js'

// @ts-expect-error a foreign name is an object, so that more can be said later
export class ForeignText extends Event('foreign.text', { foreign: 'com.acme.Text', payload: z.object({ id: z.string() }) }) {}
// @ts-expect-error a key is known at once, not later
export class LateKey extends Event('late.key', { key: async (payload) => payload.id, payload: z.object({ id: z.string() }) }) {}
// @ts-expect-error only an event can be heard
export class HeardQuery extends Query('heard.query', { heard: true, payload: z.object({ id: z.string() }), reply: z.object({ id: z.string() }) }) {}
// @ts-expect-error a query says what answers it
export class NoReply extends Query('no.reply', { payload: z.object({ id: z.string() }) }) {}
// @ts-expect-error a payload is an object
export class JustText extends Event('just.text', { payload: z.string() }) {}
// @ts-expect-error the wire cannot carry a Map
export class NotJsonDeep extends Event('not.json-deep', { payload: z.object({ list: z.array(z.object({ seen: z.map(z.string(), z.string()) })) }) }) {}

@Service('legacy-mistakes')
export class LegacyMistakes {
  constructor(
    // @ts-expect-error a raw publisher of everything does not exist
    @Publisher(OrderPlaced) readonly anything: (payload: object) => void,
    readonly sent: Publish<ParcelSent>,
  ) {}

  // @ts-expect-error a raw listener gets bytes, not a message
  @RawListener('warehouse') parsed(_message: ParcelSent): void {}
  // @ts-expect-error a raw listener names a channel, not a message
  @RawListener(ParcelSent) byClass(_message: RawMessage): void {}
  // @ts-expect-error a raw listener takes one at a time
  @RawListener('warehouse', { batch: { size: 10 } }) batch(_messages: readonly RawMessage[]): void {}
  // @ts-expect-error a listener of a message gets the message
  @Listener(ParcelSent) bytes(_message: RawMessage): void {}
  // @ts-expect-error one of the union's members has no such field
  @Listener(Wrapped) member({ payload }: Wrapped): string { return payload.payload }
  // @ts-expect-error the payload of a union is not spread over the message
  @Listener(Wrapped) spread(message: Wrapped): string { return message.type }
  // @ts-expect-error not a duration
  @Listener(ParcelSent, { timeout: '10 seconds' }) slow(_message: ParcelSent): void {}
  // @ts-expect-error not a range of durations
  @Listener(ParcelSent, { retry: { backoff: '1s-30s' } }) dash(_message: ParcelSent): void {}
  // @ts-expect-error with exact optional properties, undefined is no group
  @Listener(ParcelSent, { group: undefined }) nowhere(_message: ParcelSent): void {}
  // @ts-expect-error a batch cannot be settled by hand
  @Listener(ParcelSent, { batch: { size: 1 }, settle: 'manual' }) both(_messages: readonly ParcelSent[]): void {}
  // @ts-expect-error a query is asked: nothing that a method returns can ask it
  @Publisher(GetQuote) async asks(): Promise<GetQuote> { return new GetQuote({ sku: 'a' }) }
  // @ts-expect-error the item of a list is not declared
  @Publisher(ParcelSent) async others(): Promise<StockReserved[]> { return [] }
}

// @ts-expect-error a fake publisher is asynchronous too
export const fake = new LegacyMistakes(() => {}, () => undefined)
// @ts-expect-error a list, not its first item
export const totals = new Totals(1)

// @ts-expect-error what is around a listener waits for it
export const hasty: Middleware = { listen: () => 'done' }
// @ts-expect-error middleware is called listen or publish
export const misnamed: Middleware = { listens: timing.listen }

export function build(queue: Transport, log: Transport): void {
  const services = [Orders]
  // @ts-expect-error no transport has this name
  createApp({ name: 'x', services, transports: { queue, log }, channels: { orders: { transport: 'kafka' } } })
  // @ts-expect-error one or several, not both
  createApp({ name: 'x', services, transport: queue, transports: { log } })
  // @ts-expect-error no transport at all
  createApp({ name: 'x', services })
  // @ts-expect-error an instance is no class
  createApp({ name: 'x', services: [new Prices()], transport: queue })
  // @ts-expect-error a number, not text
  createApp({ name: 'x', services, transport: queue, channels: { orders: { partitions: '8' } } })
  // @ts-expect-error a mistyped option of a channel
  createApp({ name: 'x', services, transport: queue, channels: { orders: { partition: 8 } } })
  // @ts-expect-error RabbitMQ has quorum and classic queues
  createApp({ name: 'x', services, transport: queue, channels: { orders: { queue: { type: 'mirrored' } } } })
  // @ts-expect-error an argument is a scalar
  createApp({ name: 'x', services, transport: queue, channels: { orders: { queue: { arguments: { 'x-a': { b: 1 } } } } } })
  // @ts-expect-error what exists has the broker's words: exchange, queue, topic
  createApp({ name: 'x', services, transport: queue, channels: { orders: { existing: { channel: 'a' } } } })
  // @ts-expect-error the only fallback is the outbox
  createApp({ name: 'x', services, transport: queue, channels: { orders: { fallback: 'memory' } } })
  // @ts-expect-error a class is no module
  createApp({ name: 'x', services, transport: queue, modules: [Prices] })
  // @ts-expect-error signals are handled unless they are not
  createApp({ name: 'x', services, transport: queue, signals: true })
  // @ts-expect-error a shutdown is a duration
  createApp({ name: 'x', services, transport: queue, shutdown: 25_000 })
  // @ts-expect-error a logger has all four levels
  createApp({ name: 'x', services, transport: queue, log: { info: () => {} } })
}

export async function operate(app: App): Promise<void> {
  // @ts-expect-error health is told, not set
  app.health().ready = true
  // @ts-expect-error health is known at once
  app.health().then(() => undefined)
  // @ts-expect-error forgetting messages needs a reason
  await app.deadLetters.discard({ channel: 'stock', group: 'stock' }, { ids: ['a'] })
  // @ts-expect-error a group is named with its channel
  await app.deadLetters.list('stock')
  // @ts-expect-error the topology is data to read
  app.topology.channels.push()
  // @ts-expect-error an event happened; nobody answers it
  await app.ask(new ParcelSent({ parcel: 'a' }))
  // @ts-expect-error a payload is no message: publish an instance
  await app.publish({ parcel: 'a' })
}
