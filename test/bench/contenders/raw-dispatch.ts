import type { BenchPublisher, Closable, Footprint, Handle, Order, Room } from '../contender.js'

/** What nobody can save: encode, hand over in another turn, parse, call. */

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
