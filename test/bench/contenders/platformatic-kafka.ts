import { setTimeout as sleep } from 'node:timers/promises'
import { Consumer, MessagesStreamModes, Producer } from '@platformatic/kafka'
import type { BenchPublisher, Closable, Footprint, Handle, Order, Room } from '../contender.js'
import { keyOf } from '../order.js'
import { declare as declareByKafkajs, footprint as footprintOfKafkajs } from './raw-kafka.js'

/** `@platformatic/kafka` as its documentation says: a `send` for each call, and a stream of messages with its own commits. */

export function footprint(room: Room): Footprint {
  return footprintOfKafkajs(room)
}

export function declare(room: Room): Promise<void> {
  return declareByKafkajs(room)
}

export async function openPublisher(room: Room): Promise<BenchPublisher> {
  const producer = new Producer({ clientId: 'bench', bootstrapBrokers: room.url.split(',') })
  await producer.connectToBrokers()
  const topic = footprint(room).store
  const message = (order: Order) => ({ topic, value: Buffer.from(JSON.stringify(order)), ...(room.keyedMs === undefined ? {} : { key: Buffer.from(keyOf(order)) }) })

  return {
    send: (order, done) => void producer.send({ acks: -1, messages: [message(order)] }).then(() => done(), done),
    sendBatch: (orders, done) => void producer.send({ acks: -1, messages: orders.map(message) }).then(() => done(), done),
    close: () => producer.close(),
  }
}

export async function openConsumer(room: Room, handle: Handle): Promise<Closable> {
  const consumer = new Consumer({ clientId: 'bench', bootstrapBrokers: room.url.split(','), groupId: `${room.id}.workers` })
  const stream = await consumer.consume({ topics: [footprint(room).store], mode: MessagesStreamModes.EARLIEST, autocommit: true })
  const work = take(stream, room, handle)

  return {
    async close() {
      await stream.close()
      await work
      await consumer.close()
    },
  }
}

async function take(stream: AsyncIterable<{ readonly value: Buffer }>, { keyedMs }: Room, handle: Handle): Promise<void> {
  for await (const { value } of stream) {
    if (keyedMs !== undefined) await sleep(keyedMs)
    handle(JSON.parse(String(value)) as Order)
  }
}
