import 'reflect-metadata'
import { type AppOptions, type Plugin, createApp } from '@waybill/core'
import { rabbitmq } from '@waybill/transport-rabbitmq'
import type { Contender, Room } from './contender.js'
import { Shop, warehouse } from './shop.js'

/** The Waybill of the RabbitMQ suite with these plugins, so that what they cost is seen against it. Publishers have them too: messages carry their traces. */
export function observed(pluginsOf: () => readonly Plugin[]): Contender {
  const appOf = (room: Room, service: AppOptions['services'][number]) =>
    createApp({ name: 'bench', namespace: room.id, services: [service], transport: rabbitmq({ url: room.url }), plugins: pluginsOf(), signals: false, log: false })
  const openConsumer: Contender['openConsumer'] = async (room, handle) => {
    const app = appOf(room, warehouse(handle, room.prefetch / 2))
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
