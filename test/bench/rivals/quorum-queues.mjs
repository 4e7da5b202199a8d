import { connect } from 'amqplib'

/**
 * What a rival finds at RabbitMQ: plain quorum queues, into which it publishes straight, without an exchange of its own, and
 * sockets that do not hold small writes back. That is the least that a broker can do, and it is what makes each rival fastest.
 */

export const queueArguments = { 'x-queue-type': 'quorum' }

export function footprint({ id }) {
  return { store: `${id}.orders`, queues: [questionsOf({ id })] }
}

export function questionsOf({ id }) {
  return `${id}.questions`
}

export async function declare(room) {
  const connection = await connect(room.url)
  const channel = await connection.createChannel()
  for (const queue of [footprint(room).store, questionsOf(room)]) await channel.assertQueue(queue, { durable: true, arguments: queueArguments })
  await connection.close()
}
