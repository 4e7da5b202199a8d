import { Connection } from 'rabbitmq-client'
import { footprint, queueArguments, questionsOf } from './quorum-queues.mjs'

/** rabbitmq-client as its README says: `createPublisher` with confirms, `createConsumer` with a prefetch. It encodes and parses JSON itself. */

export { declare, footprint } from './quorum-queues.mjs'

const queueOptions = { durable: true, arguments: queueArguments }

export async function openPublisher(room) {
  const rabbit = await connect(room)
  const publisher = rabbit.createPublisher({ confirm: true })
  const routingKey = footprint(room).store

  return {
    send: (order, done) => void publisher.send({ routingKey, durable: true }, order).then(() => done(), done),
    close: () => closeAll(publisher, rabbit),
  }
}

export function openConsumer(room, handle) {
  return consume(room, footprint(room).store, (message) => handle(message.body))
}

export function openResponder(room, handle) {
  return consume(room, questionsOf(room), async ({ body }, reply) => {
    handle(body)
    await reply({ id: body.id })
  })
}

export async function openAsker(room) {
  const rabbit = await connect(room)
  const client = rabbit.createRPCClient({ confirm: true })
  const routingKey = questionsOf(room)

  return {
    send: (order, done) => void client.send({ routingKey, durable: true }, order).then(() => done(), done),
    close: () => closeAll(client, rabbit),
  }
}

async function consume(room, queue, take) {
  const rabbit = await connect(room)
  const consumer = rabbit.createConsumer({ queue, queueOptions, qos: { prefetchCount: room.prefetch } }, async (message, reply) => take(message, reply))
  await new Promise((resolve) => consumer.once('ready', resolve))

  return { close: () => closeAll(consumer, rabbit) }
}

async function connect({ url }) {
  const rabbit = new Connection({ url, noDelay: true })
  await rabbit.onConnect(10_000)

  return rabbit
}

async function closeAll(...opened) {
  for (const one of opened) await one.close()
}
