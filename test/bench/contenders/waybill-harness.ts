import 'reflect-metadata'
import { Command, Event, Listener, type Publish, Publisher, Service, unchecked } from '@waybill/core'
import { harness } from '@waybill/testing'
import type { BenchPublisher, Closable, Handle, Order, Room } from '../contender.js'

/** A user's tests: each sends an order through two services of its own, lets an hour pass with all retries in it, and looks at what became of it. */

class PlaceOrder extends Command('orders.place', { payload: unchecked<Order>() }) {}
class OrderPlaced extends Event('order.placed', { payload: unchecked<Order>() }) {}

@Service('shop')
class Shop {
  constructor(@Publisher(OrderPlaced) readonly placed: Publish<OrderPlaced>) {}

  @Listener(PlaceOrder)
  async place(order: PlaceOrder): Promise<void> {
    await this.placed(order)
  }
}

@Service('stock')
class Stock {
  @Listener(OrderPlaced, { retry: { attempts: 4, backoff: ['1s', '1m', '1m'] } })
  reserve(): never {
    throw new Error('Nothing is in stock.')
  }
}

const handles = new Map<string, Handle>()

export function footprint(room: Room): { store: string } {
  return { store: room.id }
}

export async function declare(): Promise<void> {}

export async function openConsumer(room: Room, handle: Handle): Promise<Closable> {
  handles.set(room.id, handle)

  return { close: async () => void handles.delete(room.id) }
}

export async function openPublisher(room: Room): Promise<BenchPublisher> {
  return { send: (order, done) => void testWith(order, handles.get(room.id)).then(() => done(), done), close: async () => {} }
}

async function testWith(order: Order, handle: Handle | undefined): Promise<void> {
  await using shop = await harness({ services: [Shop, Stock], seed: order.id })
  await shop.when(new PlaceOrder(order))
  await shop.advance('1h')
  const [placed] = shop.published(OrderPlaced)
  const dead = await shop.deadLetters('stock')
  if (placed && dead.length === 1) handle?.(order)
}
