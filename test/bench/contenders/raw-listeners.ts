import { AsyncLocalStorage } from 'node:async_hooks'
import type { BenchPublisher, Closable, Contender, Handle, Order, Receiver, Room } from '../contender.js'
import { orderSchema } from '../order-schema.js'
import { typesOf } from '../order-classes.js'

interface Listener {
  readonly schema: typeof orderSchema
  readonly type: OrderClass | undefined
  readonly take: (order: Order) => Promise<void>
}

type OrderClass = new (order: Order) => Order

/** What nobody can save. Through: encode, hand over in another turn, parse, call. Received: find the listener, parse, check, call within a scope, await. */
export function rawWith(listeners: number, newClass?: () => OrderClass): Contender & Required<Pick<Contender, 'openReceiver'>> {
  const handles = new Map<string, Handle>()
  const types = typesOf(listeners)

  return {
    footprint: (room) => ({ store: room.id }),

    declare: async () => {},

    async openPublisher(room: Room): Promise<BenchPublisher> {
      const handle = handles.get(room.id)
      if (!handle) throw new Error('A raw contender has no consumer in this room. Open one before the publisher.')

      return {
        send: (order, done) => {
          const body = Buffer.from(JSON.stringify(order))
          setImmediate(() => {
            handle(JSON.parse(body.toString()) as Order)
            done()
          })
        },
        close: async () => {},
      }
    },

    async openConsumer(room: Room, handle: Handle): Promise<Closable> {
      handles.set(room.id, handle)

      return { close: async () => void handles.delete(room.id) }
    },

    async openReceiver(_room: Room, handle: Handle): Promise<Receiver> {
      const scopes = new AsyncLocalStorage<{ readonly body: Uint8Array }>()
      const byType = new Map<string, Listener>(types.map((name) => [name, { schema: orderSchema, type: newClass?.(), take: async (order) => handle(order) }]))
      const work = async (received: readonly { readonly name: string; readonly body: Buffer }[]): Promise<void> => {
        for (const { name, body } of received) {
          const { schema, type: Type, take } = byType.get(name) as Listener
          const checked = schema['~standard'].validate(JSON.parse(body.toString()))
          if (!('value' in checked)) throw new Error('An order does not fit its schema.')
          await scopes.run({ body }, take, Type ? new Type(checked.value) : checked.value)
        }
      }
      let count = 0

      return {
        receive(bodies) {
          const received = bodies.map((body) => ({ name: types[count++ % types.length] as string, body }))
          process.nextTick(() => void work(received))
        },
        close: async () => {},
      }
    },
  }
}
