import 'reflect-metadata'
import { type AppOptions, Event, Listener, type Publish, Publisher, Service, createApp, unchecked } from '@waybill/core'
import { memory, memoryBroker } from '@waybill/transport-memory'
import type { BenchPublisher, Closable, Footprint, Handle, Order, Room } from '../contender.js'

/** Two apps on one embedded broker: publishing, routing, dispatching and settling, without a network. */

const broker = memoryBroker()

class OrderPlaced extends Event('order.placed', { channel: 'orders', payload: unchecked<Order>() }) {}

@Service()
class Shop {
  constructor(@Publisher(OrderPlaced) readonly placed: Publish<OrderPlaced>) {}
}

function warehouse(handle: Handle, prefetch: number) {
  @Service('warehouse')
  class Warehouse {
    @Listener(OrderPlaced, { concurrency: prefetch / 2 })
    take(order: OrderPlaced): void {
      handle(order)
    }
  }

  return Warehouse
}

export function footprint({ id }: Room): Footprint {
  return { store: `${id}.orders.warehouse` }
}

/** Its rooms live in the process that measures, so its consumer declares them. */
export async function declare(): Promise<void> {}

export async function openPublisher(room: Room): Promise<BenchPublisher> {
  const app = appOf(room, Shop)
  await app.start()
  const { placed } = app.get(Shop)

  return {
    send: (order, done) => void placed(order).then(() => done(), done),
    close: () => app.stop(),
  }
}

export async function openConsumer(room: Room, handle: Handle): Promise<Closable> {
  const app = appOf(room, warehouse(handle, room.prefetch))
  await app.start()

  return { close: () => app.stop() }
}

function appOf(room: Room, service: AppOptions['services'][number]) {
  return createApp({ name: 'bench', namespace: room.id, services: [service], transport: memory({ broker }), signals: false, log: false })
}
