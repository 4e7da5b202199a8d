import { connect } from 'amqplib'
import type { BenchPublisher, Closable, Footprint, Handle, Order, Room } from '../contender.js'

/** amqplib as its documentation says: a confirm channel with callbacks, acknowledgements one by one. */

const queueOptions = { durable: true, arguments: { 'x-queue-type': 'quorum' } }
const messageOptions = { persistent: true, contentType: 'application/json' }

export function footprint(room: Room): Footprint {
  return { store: `${room.id}.orders` }
}

export async function declare(room: Room): Promise<void> {
  const connection = await connect(room.url)
  const channel = await connection.createChannel()
  await channel.assertQueue(footprint(room).store, queueOptions)
  await connection.close()
}

export async function openPublisher(room: Room): Promise<BenchPublisher> {
  const connection = await connect(room.url)
  const channel = await connection.createConfirmChannel()
  const { store } = footprint(room)

  return {
    send: (order, done) => void channel.sendToQueue(store, Buffer.from(JSON.stringify(order)), messageOptions, done),
    close: () => connection.close(),
  }
}

export async function openConsumer(room: Room, handle: Handle): Promise<Closable> {
  const connection = await connect(room.url)
  const channel = await connection.createChannel()
  await channel.prefetch(room.prefetch)
  await channel.consume(footprint(room).store, (message) => {
    if (!message) return
    handle(JSON.parse(message.content.toString()) as Order)
    channel.ack(message)
  })

  return {
    close: async () => {
      await channel.close()
      await connection.close()
    },
  }
}
