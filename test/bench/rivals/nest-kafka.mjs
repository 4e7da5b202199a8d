import { setTimeout as sleep } from 'node:timers/promises'
import { ClientProxyFactory, EventPattern, Transport } from '@nestjs/microservices'
import { Partitioners, logLevel } from 'kafkajs'
import { footprint } from '../dist/contenders/raw-kafka.js'
import { keyOf } from '../dist/order.js'
import { serve, settle } from './nest.mjs'

/** NestJS microservices as its documentation says: `emit` and `emitBatch` with acks of all replicas, and a controller, one message after another. */

export { declare, footprint } from '../dist/contenders/raw-kafka.js'

export async function openPublisher(room) {
  const producer = { createPartitioner: Partitioners.DefaultPartitioner }
  const options = { client: clientOf(room), producer, send: { acks: -1 }, producerOnlyMode: true }
  const client = ClientProxyFactory.create({ transport: Transport.KAFKA, options })
  await client.connect()
  const topic = footprint(room).store
  const record = (order) => (room.keyedMs === undefined ? { value: order } : { key: keyOf(order), value: order })

  return {
    send: (order, done) => settle(client.emit(topic, record(order)), done),
    sendBatch: (orders, done) => settle(client.emitBatch(topic, { messages: orders.map(record) }), done),
    close: () => client.close(),
  }
}

export function openConsumer(room, handle) {
  const take = async (order) => {
    if (room.keyedMs !== undefined) await sleep(room.keyedMs)
    handle(order)
  }
  const options = { client: clientOf(room), consumer: { groupId: `${room.id}.workers` }, subscribe: { fromBeginning: true }, postfixId: '' }

  return serve(EventPattern(footprint(room).store), take, { transport: Transport.KAFKA, options })
}

function clientOf({ url }) {
  return { clientId: 'bench', brokers: url.split(','), logLevel: logLevel.NOTHING }
}
