import 'reflect-metadata'
import { type AppOptions, createApp, Event, Listener, type Outgoing, type Publish, Publisher, Service, type Transport, unchecked } from '@waybill/core'
import { Database, outbox, Transactional } from '@waybill/outbox'
import { postgres } from '@waybill/store-postgres'
import { memory, memoryBroker } from '@waybill/transport-memory'
import { rabbitmq } from '@waybill/transport-rabbitmq'
import type { BenchPublisher, Handle, Order, Receiver, Room } from '../contender.js'
import { idOf, makeOrder } from '../order.js'
import { connections } from '../scenario.js'
import { envelope } from '../shop.js'
import { databaseUrl, declareShop, fillOutbox, footprint, insertPurchase, keyOf, purchaseOf, schemaOf, stockOf, storedIn, updateStock } from '../shop-database.js'

/** Waybill as its READMEs say, by a `@Transactional` method and a listener with a store. Where only writing is measured, the relay is another process's. */

export { footprint }

const postgresOf = (room: Room, more = 0) => postgres({ url: databaseUrl, schema: schemaOf(room), connections: connections + more })

export async function declare(room: Room): Promise<void> {
  const app = appOf(room, shopOf(room), memory(), false)
  await app.start()
  await app.stop()
  await declareShop(room, [storedIn('outbox')])
}

export async function openPublisher(room: Room): Promise<BenchPublisher> {
  return opened(room, rabbitmq({ url: room.url }), false)
}

export async function openRelay(room: Room, confirmed: (id: number) => void): Promise<BenchPublisher> {
  return opened(room, watched(rabbitmq({ url: room.url }), confirmed), true)
}

export async function fill(room: Room, count: number): Promise<void> {
  const Shop = shopOf(room)
  const first = appOf(room, Shop, rabbitmq({ url: room.url }), false)
  await first.start()
  await first.get(Shop).placeAll([makeOrder(0)])
  await first.stop()
  // A start makes the parts that are needed next.
  const extend = async (): Promise<void> => {
    const next = appOf(room, Shop, memory(), false)
    await next.start()
    await next.stop()
  }
  await fillOutbox(room, count, { columns: ['shard', 'destination', 'head'], extend })
}

export async function openHandler(room: Room, handle: Handle): Promise<Receiver> {
  const broker = memoryBroker()
  const { Warehouse, OrderPlaced } = warehouseOf(room, handle)
  const app = appOf(room, Warehouse, memory({ broker }), false)
  await app.start()

  return {
    receive(bodies) {
      for (const body of bodies) {
        broker.send({ exchange: `${room.id}.orders`, routingKey: OrderPlaced.messageName, headers: envelope(OrderPlaced.messageName), body, contentType: 'application/json' })
      }
    },
    close: () => app.stop(),
  }
}

async function opened(room: Room, transport: Transport, relay: boolean): Promise<BenchPublisher> {
  const Shop = shopOf(room)
  const app = appOf(room, Shop, transport, relay)
  await app.start()
  const shop = app.get(Shop)

  return {
    send: (order, done) => void shop.place(order).then(() => done(), done),
    sendBatch: (orders, done) => void shop.placeAll(orders).then(() => done(), done),
    close: () => app.stop(),
  }
}

function appOf(room: Room, service: AppOptions['services'][number], transport: Transport, relay: boolean) {
  // The exchange is there, with the queue that is read back.
  const channels = transport.name === 'rabbitmq' ? ({ [`${room.id}.orders`]: { existing: { exchange: `${room.id}.orders` } } } as const) : {}
  const plugins = [outbox(postgresOf(room, relay ? 2 : 0), { relay })]

  return createApp({ name: 'bench', services: [service], transport, channels, plugins, signals: false, log: false })
}

function shopOf(room: Room) {
  class OrderPlaced extends Event('order.placed', { channel: `${room.id}.orders`, key: keyOf, payload: unchecked<Order>() }) {}
  const insert = insertPurchase(room)

  @Service()
  class Shop {
    constructor(
      readonly database: Database,
      @Publisher(OrderPlaced) readonly placed: Publish<OrderPlaced>,
    ) {}

    @Transactional()
    async place(order: Order): Promise<void> {
      await this.database.query(insert, purchaseOf(order))
      await this.placed(order)
    }

    @Transactional()
    async placeAll(orders: readonly Order[]): Promise<void> {
      await this.placed(orders)
    }
  }

  return Shop
}

function warehouseOf(room: Room, handle: Handle) {
  class OrderPlaced extends Event('order.placed', { channel: `${room.id}.orders`, payload: unchecked<Order>() }) {}
  class StockReserved extends Event('stock.reserved', { channel: `${room.id}.orders`, key: keyOf, payload: unchecked<Order>() }) {}
  const update = updateStock(room)

  @Service('warehouse')
  class Warehouse {
    constructor(
      readonly database: Database,
      @Publisher(StockReserved) readonly reserved: Publish<StockReserved>,
    ) {}

    @Listener(OrderPlaced, { concurrency: connections })
    async take(order: OrderPlaced): Promise<void> {
      await this.database.query(update, stockOf(order))
      await this.reserved(order)
      handle(order)
    }
  }

  return { Warehouse, OrderPlaced }
}

/** The same transport, with an ear for its confirms. */
function watched(transport: Transport, confirmed: (id: number) => void): Transport {
  const publish: Transport['publish'] = (batch: readonly Outgoing[], settled) =>
    transport.publish(batch, (index, outcome) => {
      const order = batch[index]
      if (order && outcome.kind === 'confirmed') confirmed(idOf(order.body))
      settled(index, outcome)
    })

  return new Proxy(transport, {
    get(target, name) {
      if (name === 'publish') return publish
      const found: unknown = Reflect.get(target, name, target)

      return typeof found === 'function' ? found.bind(target) : found
    },
  })
}
