import 'reflect-metadata'
import { type AppOptions, createApp } from '@waybill/core'
import { kafka } from '@waybill/transport-kafka'
import type { BenchPublisher, Closable, Footprint, Handle, Room } from '../contender.js'
import { Shop, warehouse } from '../shop.js'

/** Waybill as its README says, with as many partitions as the raw client has. */

export function footprint({ id }: Room): Footprint {
  return { store: `${id}.orders` }
}

export async function declare(room: Room): Promise<void> {
  const consumer = await openConsumer(room, () => {})
  await consumer.close()
}

export async function openPublisher(room: Room): Promise<BenchPublisher> {
  const app = appOf(room, Shop)
  await app.start()
  const { placed } = app.get(Shop)

  return {
    send: (order, done) => void placed(order).then(() => done(), done),
    sendBatch: (orders, done) => void placed(orders).then(() => done(), done),
    close: () => app.stop(),
  }
}

export async function openConsumer(room: Room, handle: Handle): Promise<Closable> {
  const app = appOf(room, warehouse(handle, room.prefetch))
  await app.start()

  return { close: () => app.stop() }
}

function appOf(room: Room, service: AppOptions['services'][number]) {
  return createApp({
    name: 'bench',
    namespace: room.id,
    services: [service],
    channels: { orders: { partitions: room.partitions } },
    transport: kafka({ brokers: room.url.split(',') }),
    signals: false,
    log: false,
  })
}
