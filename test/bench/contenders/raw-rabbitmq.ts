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
  return {
    store: `${room.id}.orders.warehouse`,
    queues: [`${room.id}.orders.warehouse.dead`, questionsOf(room), ...groupsOf(room).flatMap((queue) => [queue, `${queue}.dead`])],
    exchanges: [`${room.id}.orders`],
  }
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

/** Answers over direct reply-to, without acknowledgements on the way back, as the broker's documentation shows. */
export async function openResponder(room: Room, handle: Handle): Promise<Closable> {
  const connection = await connect(room.url)
  const channel = await connection.createChannel()
  await channel.assertQueue(questionsOf(room), { durable: true, arguments: { 'x-queue-type': 'quorum' } })
  await channel.prefetch(room.prefetch)
  await channel.consume(questionsOf(room), (message) => {
    if (!message) return
    const order = JSON.parse(message.content.toString()) as Order
    handle(order)
    const { correlationId, replyTo } = message.properties
    channel.sendToQueue(String(replyTo), Buffer.from(JSON.stringify({ id: order.id })), { correlationId, contentType: 'application/json' })
    channel.ack(message)
  })

  return { close: () => connection.close() }
}

export async function openAsker(room: Room): Promise<BenchPublisher> {
  const connection = await connect(room.url)
  const channel = await connection.createConfirmChannel()
  const waiting = new Map<string, () => void>()
  await channel.consume(
    'amq.rabbitmq.reply-to',
    (message) => {
      if (!message) return
      JSON.parse(message.content.toString())
      waiting.get(String(message.properties.correlationId))?.()
      waiting.delete(String(message.properties.correlationId))
    },
    { noAck: true },
  )

  return {
    send: (order, done) => {
      waiting.set(String(order.id), done)
      const options = { ...messageOptions, correlationId: String(order.id), replyTo: 'amq.rabbitmq.reply-to', mandatory: true }
      channel.sendToQueue(questionsOf(room), Buffer.from(JSON.stringify(order)), options, (error: unknown) => error && done(error))
    },
    close: () => connection.close(),
  }
}

/** One connection, a channel for each queue, and no more waiting than the broker asks for: all at once. */
export async function openGroups(room: Room): Promise<Closable> {
  const connection = await connect(room.url)
  const exchange = exchangeOf(room)
  await Promise.all(
    groupsOf(room).map(async (queue) => {
      const channel = await connection.createChannel()
      await channel.assertQueue(`${queue}.dead`, { durable: true, arguments: { 'x-queue-type': 'quorum' } })
      await channel.assertQueue(queue, { durable: true, arguments: { ...queueArguments, 'x-dead-letter-routing-key': `${queue}.dead` } })
      await channel.bindQueue(queue, exchange, routingKey)
      await channel.prefetch(room.prefetch)
      await channel.consume(queue, (message) => message && channel.ack(message))
    }),
  )

  return { close: () => connection.close() }
}

function questionsOf({ id }: Room): string {
  return `${id}.questions`
}

function groupsOf({ groups, id }: Room): string[] {
  return Array.from({ length: groups }, (_, n) => `${id}.orders.group-${n}`)
}

function exchangeOf({ id }: Room): string {
  return `${id}.orders`
}
