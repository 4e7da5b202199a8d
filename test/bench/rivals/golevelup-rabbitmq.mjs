import 'reflect-metadata'
import { AmqpConnection, RabbitMQModule, RabbitRPC, RabbitSubscribe } from '@golevelup/nestjs-rabbitmq'
import { Module } from '@nestjs/common'
import { NestFactory } from '@nestjs/core'
import { decorateMethod, quiet } from './nest.mjs'
import { footprint, questionsOf } from './quorum-queues.mjs'

/** golevelup as its README says: a module within Nest, publishes with confirms, subscribers that are acknowledged when they have returned. */

export { declare, footprint } from './quorum-queues.mjs'

export async function openPublisher(room) {
  const { app, amqp } = await open(room)
  const { store } = footprint(room)

  return {
    send: (order, done) => void amqp.publish('', store, order, { persistent: true }).then(() => done(), done),
    close: () => app.close(),
  }
}

export async function openConsumer(room, handle) {
  class Warehouse {
    take(order) {
      handle(order)
    }
  }
  decorateMethod(Warehouse, 'take', RabbitSubscribe({ queue: footprint(room).store, createQueueIfNotExists: false }))
  const { app } = await open(room, Warehouse)

  return { close: () => app.close() }
}

export async function openResponder(room, handle) {
  class Desk {
    look(order) {
      handle(order)

      return { id: order.id }
    }
  }
  decorateMethod(Desk, 'look', RabbitRPC({ queue: questionsOf(room), routingKey: questionsOf(room), createQueueIfNotExists: false }))
  const { app } = await open(room, Desk)

  return { close: () => app.close() }
}

export async function openAsker(room) {
  const { app, amqp } = await open(room)
  const routingKey = questionsOf(room)

  return {
    send: (payload, done) => void amqp.request({ exchange: '', routingKey, payload, publishOptions: { persistent: true, mandatory: true } }).then(() => done(), done),
    close: () => app.close(),
  }
}

async function open({ prefetch: prefetchCount, url: uri }, ...providers) {
  class App {}
  Module({ imports: [RabbitMQModule.forRoot({ uri, prefetchCount, connectionManagerOptions: { connectionOptions: { noDelay: true } } })], providers })(App)
  const app = await NestFactory.createApplicationContext(App, quiet)

  return { app, amqp: app.get(AmqpConnection) }
}
