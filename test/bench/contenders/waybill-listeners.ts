import 'reflect-metadata'
import { type AppOptions, Event, Listener, Service, createApp, unchecked } from '@waybill/core'
import { memory, memoryBroker } from '@waybill/transport-memory'
import type { Contender, Handle, Order, Room } from '../contender.js'
import { orderSchema } from '../order-schema.js'
import { typesOf } from '../order-classes.js'
import { envelope } from '../shop.js'

type OrderSchema = ReturnType<typeof unchecked<Order>>

/** Apps on one embedded broker: publishing, routing, dispatching and settling, without a network. Each of so many listeners takes a type of its own, and the orders go round the first `busy` of them. */
export function waybillWith(listeners: number, schema: OrderSchema = orderSchema, busy = listeners): Contender & Required<Pick<Contender, 'openReceiver'>> {
  const broker = memoryBroker()
  const trusted = placedOf(listeners, unchecked<Order>())
  const checked = placedOf(listeners, schema)
  const appOf = (room: Room, service: AppOptions['services'][number]) =>
    createApp({ name: 'bench', namespace: room.id, services: [service], transport: memory({ broker }), signals: false, log: false })

  return {
    footprint: ({ id }) => ({ store: `${id}.orders.warehouse` }),

    // Its rooms live in the process that measures, so its consumer declares them.
    declare: async () => {},

    async openPublisher(room) {
      const app = appOf(room, Shop)
      await app.start()

      return {
        send: (order, done) => void app.publish(new (typeFor(trusted, order.id % busy))(order)).then(() => done(), done),
        close: () => app.stop(),
      }
    },

    async openConsumer(room, handle) {
      const app = appOf(room, warehouse(trusted, handle, room.prefetch))
      await app.start()

      return { close: () => app.stop() }
    },

    async openReceiver(room, handle) {
      const app = appOf(room, warehouse(checked, handle, room.prefetch))
      await app.start()
      let received = 0

      return {
        receive(bodies) {
          for (const body of bodies) {
            const type = typeFor(checked, received++ % busy).messageName
            broker.send({ exchange: `${room.id}.orders`, routingKey: type, headers: envelope(type), body, contentType: 'application/json' })
          }
        },
        close: () => app.stop(),
      }
    },
  }
}

@Service()
class Shop {}

function placedOf(count: number, payload: OrderSchema) {
  return typesOf(count).map((name) => Event(name, { channel: 'orders', payload }))
}

function typeFor<T>(types: readonly T[], id: number): T {
  return types[id % types.length] as T
}

function warehouse(types: ReturnType<typeof placedOf>, handle: Handle, prefetch: number) {
  @Service('warehouse')
  class Warehouse {}
  for (const [at, type] of types.entries()) {
    const method = { value: async (order: Order): Promise<void> => handle(order) }
    Object.defineProperty(Warehouse.prototype, `take${at}`, method)
    Listener(type, { concurrency: prefetch / 2 })(Warehouse.prototype, `take${at}`, method)
  }

  return Warehouse
}
