import { connect } from 'amqplib'
import type { BenchPublisher, Footprint, Room } from '../contender.js'

export { openConsumer } from './raw-rabbitmq.js'

/** amqplib without an exchange: straight into one plain quorum queue, where nobody else can ever listen. The least that a broker can do. */

export function footprint(room: Room): Footprint {
  return { store: `${room.id}.orders.warehouse` }
}

export async function declare(room: Room): Promise<void> {
  const connection = await connect(room.url)
  const channel = await connection.createChannel()
  await channel.assertQueue(footprint(room).store, { durable: true, arguments: { 'x-queue-type': 'quorum' } })
  await connection.close()
}

export async function openPublisher(room: Room): Promise<BenchPublisher> {
  const connection = await connect(room.url)
  const channel = await connection.createConfirmChannel()
  const { store } = footprint(room)

  return {
    send: (order, done) => void channel.sendToQueue(store, Buffer.from(JSON.stringify(order)), { persistent: true, contentType: 'application/json' }, done),
    close: () => connection.close(),
  }
}
