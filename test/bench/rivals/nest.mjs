import 'reflect-metadata'
import { Controller, Logger, Module } from '@nestjs/common'
import { NestFactory } from '@nestjs/core'
import { Ctx, Payload } from '@nestjs/microservices'

/** What a file without decorators in its syntax needs to write a Nest app as its documentation says. */

export const quiet = { logger: ['error'] }

// A client that no app has made says the rest as well, on stdout.
Logger.overrideLogger(quiet.logger)

export function decorateMethod(type, method, decorator) {
  decorator(type.prototype, method, Object.getOwnPropertyDescriptor(type.prototype, method))
}

/** A microservice of one controller, whose only handler takes a payload and its context. */
export async function serve(decorator, handler, strategy) {
  class Handlers {
    take(payload, context) {
      return handler(payload, context)
    }
  }
  Payload()(Handlers.prototype, 'take', 0)
  Ctx()(Handlers.prototype, 'take', 1)
  decorateMethod(Handlers, 'take', decorator)
  Controller()(Handlers)

  class App {}
  Module({ controllers: [Handlers] })(App)
  const app = await NestFactory.createMicroservice(App, { ...strategy, ...quiet })
  await app.listen()

  return { close: () => app.close() }
}

/** `done` when what a client's method returned has come to its end. */
export function settle(result, done) {
  result.subscribe({ complete: () => done(), error: done })
}
