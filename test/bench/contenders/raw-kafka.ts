import { setTimeout as sleep } from 'node:timers/promises'
import { type ConsumerRunConfig, Kafka, Partitioners, logLevel } from 'kafkajs'
import type { BenchPublisher, Closable, Footprint, Handle, Order, Room } from '../contender.js'
import { keyOf } from '../order.js'

/** kafkajs as its documentation says: a `send` for each call, acks of all replicas, `eachBatch` with its own commits; `eachMessage` where a handler takes its time. */

export function footprint(room: Room): Footprint {
  return { store: `${room.id}.orders` }
}

export async function declare(room: Room): Promise<void> {
  const admin = client(room).admin()
  await admin.connect()
  await admin.createTopics({ waitForLeaders: true, topics: [{ topic: footprint(room).store, numPartitions: room.partitions }] })
  await admin.disconnect()
}

export async function openPublisher(room: Room): Promise<BenchPublisher> {
  const producer = client(room).producer({ createPartitioner: Partitioners.DefaultPartitioner })
  await producer.connect()
  const topic = footprint(room).store
  const record = (order: Order) => ({ value: JSON.stringify(order), key: room.keyedMs === undefined ? null : keyOf(order) })

  return {
    send: (order, done) => void producer.send({ topic, acks: -1, messages: [record(order)] }).then(() => done(), done),
    sendBatch: (orders, done) => void producer.send({ topic, acks: -1, messages: orders.map(record) }).then(() => done(), done),
    close: () => producer.disconnect(),
  }
}

export async function openConsumer(room: Room, handle: Handle): Promise<Closable> {
  const consumer = client(room).consumer({ groupId: `${room.id}.workers` })
  const joined = new Promise((resolve) => consumer.on(consumer.events.GROUP_JOIN, resolve))
  await consumer.connect()
  await consumer.subscribe({ topic: footprint(room).store, fromBeginning: true })
  await consumer.run(running(room, handle))
  await joined

  return { close: () => consumer.disconnect() }
}

function running({ keyedMs }: Room, handle: Handle): ConsumerRunConfig {
  if (keyedMs === undefined) {
    return {
      eachBatch: async ({ batch }) => {
        for (const { value } of batch.messages) handle(JSON.parse(String(value)) as Order)
      },
    }
  }

  return {
    eachMessage: async ({ message: { value } }) => {
      await sleep(keyedMs)
      handle(JSON.parse(String(value)) as Order)
    },
  }
}

function client(room: Room): Kafka {
  return new Kafka({ clientId: 'bench', brokers: room.url.split(','), logLevel: logLevel.NOTHING })
}
