import rascal from 'rascal'
import { footprint } from './quorum-queues.mjs'

/**
 * rascal as its README says: a publication with confirms, a subscription with a prefetch. It encodes and parses JSON itself. A channel
 * carries one publish at a time until its confirm; its pool of five would let so many be under way, so it has one for each caller.
 */

export { declare, footprint } from './quorum-queues.mjs'

export const remarks = { ask: 'it has no request and reply' }

const confirmPool = { max: 256 }

export async function openPublisher(room) {
  const broker = await open(room, { publications: { order: { queue: footprint(room).store, confirm: true } } })

  return {
    send: (order, done) => void publish(broker, order, done),
    close: () => broker.shutdown(),
  }
}

export async function openConsumer(room, handle) {
  const broker = await open(room, { subscriptions: { orders: { queue: footprint(room).store, prefetch: room.prefetch } } })
  const subscription = await broker.subscribe('orders')
  subscription.on('message', (_message, order, ackOrNack) => {
    handle(order)
    ackOrNack()
  })

  return { close: () => broker.shutdown() }
}

async function publish(broker, order, done) {
  const publication = await broker.publish('order', order)
  publication.on('success', () => done())
  publication.on('return', () => done(new Error('returned')))
  publication.on('error', done)
}

async function open(room, work) {
  const queues = { [footprint(room).store]: { assert: false, check: true } }
  const vhost = { connection: { url: room.url, socketOptions: { noDelay: true }, options: { channelMax: 0 } }, publicationChannelPools: { confirmPool }, queues, ...work }
  const broker = await rascal.BrokerAsPromised.create({ vhosts: { '/': vhost } })
  broker.on('error', console.error)

  return broker
}
