import 'reflect-metadata'
import { type AppOptions, createApp } from '@waybill/core'
import { kafka, type KafkaOptions } from '@waybill/transport-kafka'
import type { Closable, Contender, Handle, Room } from './contender.js'
import { KeyedShop, slowWarehouse } from './keyed-shop.js'
import { Shop, warehouse } from './shop.js'

/** Waybill as its README says, with as many partitions as the raw client has. */
export function waybillOnKafka(options: Partial<KafkaOptions> = {}): Contender {
  function appOf(room: Room, service: AppOptions['services'][number]) {
    return createApp({
      name: 'bench',
      namespace: room.id,
      services: [service],
      channels: { orders: { partitions: room.partitions } },
      transport: kafka({ brokers: room.url.split(','), ...options }),
      signals: false,
      log: false,
    })
  }

  async function openConsumer(room: Room, handle: Handle): Promise<Closable> {
    const { keyedMs, prefetch } = room
    const app = appOf(room, keyedMs === undefined ? warehouse(handle, prefetch) : slowWarehouse(handle, prefetch, keyedMs))
    await app.start()

    return { close: () => app.stop() }
  }

  return {
    footprint: ({ id }) => ({ store: `${id}.orders` }),
    async declare(room) {
      const consumer = await openConsumer(room, () => {})
      await consumer.close()
    },
    async openPublisher(room) {
      const shop = room.keyedMs === undefined ? Shop : KeyedShop
      const app = appOf(room, shop)
      await app.start()
      const { placed } = app.get<Shop | KeyedShop>(shop)

      return {
        send: (order, done) => void placed(order).then(() => done(), done),
        sendBatch: (orders, done) => void placed(orders).then(() => done(), done),
        close: () => app.stop(),
      }
    },
    openConsumer,
  }
}
