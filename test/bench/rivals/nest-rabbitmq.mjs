import { ClientProxyFactory, EventPattern, MessagePattern, Transport } from '@nestjs/microservices'
import { serve, settle } from './nest.mjs'
import { footprint, queueArguments, questionsOf } from './quorum-queues.mjs'

/**
 * NestJS microservices as its documentation says: `emit` into a queue, which ends with the broker's confirm, a controller that
 * acknowledges by hand before it returns. It has no way to learn that a message came back or that a question reached its queue.
 */

export { declare, footprint } from './quorum-queues.mjs'

export const remarks = {
  publish: 'it waits for confirms, but returned messages reach nobody: one that no queue takes counts as sent',
  ask: 'confirms of questions reach nobody, and a question is acknowledged before its reply is sent',
}

export async function openPublisher(room) {
  const client = await connect(room, footprint(room).store)

  return {
    send: (order, done) => settle(client.emit('order.placed', order), done),
    close: () => client.close(),
  }
}

export function openConsumer(room, handle) {
  const take = (order, context) => {
    handle(order)
    acknowledge(context)
  }

  return serve(EventPattern('order.placed'), take, strategyOf(room, footprint(room).store))
}

export function openResponder(room, handle) {
  const look = (order, context) => {
    handle(order)
    acknowledge(context)

    return { id: order.id }
  }

  return serve(MessagePattern('order.look'), look, strategyOf(room, questionsOf(room)))
}

export async function openAsker(room) {
  const client = await connect(room, questionsOf(room))

  return {
    send: (order, done) => settle(client.send('order.look', order), done),
    close: () => client.close(),
  }
}

async function connect({ url }, queue) {
  const options = { urls: [url], queue, noAssert: true, persistent: true, socketOptions }
  const client = ClientProxyFactory.create({ transport: Transport.RMQ, options })
  await client.connect()

  return client
}

const socketOptions = { connectionOptions: { noDelay: true } }

function strategyOf({ prefetch, url }, queue) {
  const queueOptions = { durable: true, arguments: queueArguments }

  return { transport: Transport.RMQ, options: { urls: [url], queue, queueOptions, noAck: false, prefetchCount: prefetch, socketOptions } }
}

function acknowledge(context) {
  context.getChannelRef().ack(context.getMessage())
}
