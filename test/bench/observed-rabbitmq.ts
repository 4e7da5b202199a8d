import 'reflect-metadata'
import { type AppOptions, Event, Listener, type Plugin, type Publish, Publisher, Service, createApp, unchecked } from '@waybill/core'
import { rabbitmq } from '@waybill/transport-rabbitmq'
import type { Contender, Handle, Order, Room } from './contender.js'

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

/** The Waybill of the RabbitMQ suite with these plugins, so that what they cost is seen against it. Publishers have them too: messages carry their traces. */
export function observed(pluginsOf: () => readonly Plugin[]): Contender {
  const appOf = (room: Room, service: AppOptions['services'][number]) =>
    createApp({ name: 'bench', namespace: room.id, services: [service], transport: rabbitmq({ url: room.url }), plugins: pluginsOf(), signals: false, log: false })
  const openConsumer: Contender['openConsumer'] = async (room, handle) => {
    const app = appOf(room, warehouse(handle, room.prefetch))
    await app.start()

    return { close: () => app.stop() }
  }

  return {
    footprint: ({ id }) => ({ store: `${id}.orders.warehouse`, queues: [`${id}.orders.warehouse.dead`], exchanges: [`${id}.orders`] }),
    declare: async (room) => {
      const consumer = await openConsumer(room, () => {})
      await consumer.close()
    },
    openPublisher: async (room) => {
      const app = appOf(room, Shop)
      await app.start()
      const { placed } = app.get(Shop)

      return { send: (order, done) => void placed(order).then(() => done(), done), close: () => app.stop() }
    },
    openConsumer,
  }
}
