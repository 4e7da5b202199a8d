import { connect } from 'amqplib'
import type { BenchPublisher, Closable, Footprint, Handle, Order, Room } from '../contender.js'

/**
 * amqplib as its documentation says: a confirm channel with callbacks, acknowledgements one by one. It does the same work:
 * events go through a topic exchange, to which further groups can be bound, into a quorum queue that loses nothing.
 */

const queueArguments = {
  'x-queue-type': 'quorum',
  'x-overflow': 'reject-publish',
  'x-delivery-limit': 1000,
  'x-dead-letter-exchange': '',
  'x-dead-letter-strategy': 'at-least-once',
}
const routingKey = 'order.placed'
const messageOptions = { persistent: true, contentType: 'application/json' }

export function footprint(room: Room): Footprint {
  return { store: `${room.id}.orders.warehouse`, queues: [`${room.id}.orders.warehouse.dead`], exchanges: [`${room.id}.orders`] }
}

export async function declare(room: Room): Promise<void> {
  const connection = await connect(room.url)
  const channel = await connection.createChannel()
  const { store } = footprint(room)
  const exchange = exchangeOf(room)
  await channel.assertExchange(exchange, 'topic', { durable: true })
  await channel.assertQueue(`${store}.dead`, { durable: true, arguments: { 'x-queue-type': 'quorum' } })
  await channel.assertQueue(store, { durable: true, arguments: { ...queueArguments, 'x-dead-letter-routing-key': `${store}.dead` } })
  await channel.bindQueue(store, exchange, routingKey)
  await connection.close()
}

export async function openPublisher(room: Room): Promise<BenchPublisher> {
  const connection = await connect(room.url)
  const channel = await connection.createConfirmChannel()
  const exchange = exchangeOf(room)

  return {
    send: (order, done) => void channel.publish(exchange, routingKey, Buffer.from(JSON.stringify(order)), messageOptions, done),
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

function exchangeOf({ id }: Room): string {
  return `${id}.orders`
}
