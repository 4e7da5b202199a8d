import { AsyncLocalStorage } from 'node:async_hooks'
import type { BenchPublisher, Closable, Footprint, Handle, Order, Receiver, Room } from '../contender.js'
import { orderSchema } from '../order-schema.js'

/** What nobody can save. Through: encode, hand over in another turn, parse, call. Received: parse, check, call within a scope, await. */

const handles = new Map<string, Handle>()

export function footprint(room: Room): Footprint {
  return { store: room.id }
}

export async function declare(): Promise<void> {}

export async function openPublisher(room: Room): Promise<BenchPublisher> {
  const handle = handles.get(room.id)
  if (!handle) throw new Error('raw-dispatch has no consumer in this room. Open one before the publisher.')

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
}

export async function openConsumer(room: Room, handle: Handle): Promise<Closable> {
  handles.set(room.id, handle)

  return { close: async () => void handles.delete(room.id) }
}

export async function openReceiver(_room: Room, handle: Handle): Promise<Receiver> {
  const scopes = new AsyncLocalStorage<{ readonly body: Uint8Array }>()
  const listener = async (order: Order): Promise<void> => handle(order)
  const work = async (bodies: readonly Buffer[]): Promise<void> => {
    for (const body of bodies) {
      const checked = orderSchema['~standard'].validate(JSON.parse(body.toString()))
      if (!('value' in checked)) throw new Error('An order does not fit its schema.')
      await scopes.run({ body }, listener, checked.value)
    }
  }

  return { receive: (bodies) => process.nextTick(() => void work(bodies)), close: async () => {} }
}
