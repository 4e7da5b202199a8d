import 'reflect-metadata'
import { type AppOptions, type Ask, Listener, Publisher, Query, Service, createApp, unchecked } from '@waybill/core'
import { rabbitmq } from '@waybill/transport-rabbitmq'
import type { BenchPublisher, Closable, Footprint, Handle, Order, Room } from '../contender.js'
import { OrderPlaced, Shop, warehouse } from '../shop.js'

/** Waybill as its README says. Its window is twice the concurrency: as wide as the raw client's prefetch. */

class LookAt extends Query('order.look', { channel: 'questions', payload: unchecked<Order>(), reply: unchecked<{ readonly id: number }>() }) {}

@Service()
class Visitor {
  constructor(@Publisher(LookAt) readonly ask: Ask<LookAt>) {}
}

export function footprint({ groups, id }: Room): Footprint {
  const names = ['questions.desk', ...Array.from({ length: groups }, (_, n) => `orders.group-${n}`)]
  const queues = names.flatMap((name) => [`${id}.${name}`, `${id}.${name}.dead`])

  return { store: `${id}.orders.warehouse`, queues: [`${id}.orders.warehouse.dead`, ...queues], exchanges: [`${id}.orders`, `${id}.questions`] }
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
    close: () => app.stop(),
  }
}

export async function openConsumer(room: Room, handle: Handle): Promise<Closable> {
  const app = appOf(room, warehouse(handle, room.prefetch / 2))
  await app.start()

  return { close: () => app.stop() }
}

export async function openResponder(room: Room, handle: Handle): Promise<Closable> {
  @Service('desk')
  class Desk {
    @Listener(LookAt, { concurrency: room.prefetch / 2 })
    look(order: LookAt): { id: number } {
      handle(order)

      return { id: order.id }
    }
  }
  const app = appOf(room, Desk)
  await app.start()

  return { close: () => app.stop() }
}

export async function openAsker(room: Room): Promise<BenchPublisher> {
  const app = appOf(room, Visitor)
  await app.start()
  const { ask } = app.get(Visitor)

  return {
    send: (order, done) => void ask(order).then(() => done(), done),
    close: () => app.stop(),
  }
}

export async function openGroups(room: Room): Promise<Closable> {
  const app = appOf(room, ...Array.from({ length: room.groups }, (_, n) => listenerOf(`group-${n}`)))
  await app.start()

  return { close: () => app.stop() }
}

function listenerOf(group: string) {
  @Service(group)
  class Group {
    @Listener(OrderPlaced)
    take(): void {
      // What is measured is the way here.
    }
  }

  return Group
}

function appOf(room: Room, ...services: AppOptions['services'][number][]) {
  return createApp({ name: 'bench', namespace: room.id, services, transport: rabbitmq({ url: room.url }), signals: false, log: false })
}
