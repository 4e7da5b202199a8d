import { Connection } from 'rabbitmq-client'

/** rabbitmq-client as its README says: `createPublisher` with confirms, `createConsumer` with a prefetch. It encodes and parses JSON itself. */

const queueOptions = { durable: true, arguments: { 'x-queue-type': 'quorum' } }

export function footprint(room) {
  return { store: `${room.id}.orders` }
}

export async function declare(room) {
  const rabbit = await connect(room)
  await rabbit.queueDeclare({ queue: footprint(room).store, ...queueOptions })
  await rabbit.close()
}

export async function openPublisher(room) {
  const rabbit = await connect(room)
  const publisher = rabbit.createPublisher({ confirm: true })
  const routingKey = footprint(room).store

  return {
    send: (order, done) => void publisher.send({ routingKey, durable: true }, order).then(() => done(), done),
    close: async () => {
      await publisher.close()
      await rabbit.close()
    },
  }
}

export async function openConsumer(room, handle) {
  const rabbit = await connect(room)
  const consumer = rabbit.createConsumer({ queue: footprint(room).store, queueOptions, qos: { prefetchCount: room.prefetch } }, async (message) => handle(message.body))
  await new Promise((resolve) => consumer.once('ready', resolve))

  return {
    close: async () => {
      await consumer.close()
      await rabbit.close()
    },
  }
}

async function connect({ url }) {
  const rabbit = new Connection(url)
  await rabbit.onConnect(10_000)

  return rabbit
}
