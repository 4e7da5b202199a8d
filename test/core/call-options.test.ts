import { type Ask, Command, type Publish, Publisher, Query, Service } from '@waybill/core'
import { expect, test } from 'vitest'
import { z } from 'zod'
import { startApp } from './on-memory.js'

class Work extends Command('work.do', { payload: z.object({ n: z.number() }) }) {}
class Price extends Query('price.price', { payload: z.object({ n: z.number() }), reply: z.object({ n: z.number() }) }) {}

@Service('worker')
class Worker {
  constructor(
    @Publisher(Work) readonly work: Publish<Work>,
    @Publisher(Price) readonly price: Ask<Price>,
  ) {}
}

test.each([
  [null, 'CALL_OPTION', "A publish takes an object of options, such as { delay: '5s' }; found null. Leave it out for the defaults."],
  ['5s', 'CALL_OPTION', 'found "5s"'],
  [{ signal: {} }, 'CALL_OPTION', 'A publish takes "signal" as that of an AbortController'],
  [{ headers: 'x' }, 'CALL_OPTION', 'A publish takes "headers" as an object of texts, numbers and booleans, such as { tenant: \'acme\' }; found "x".'],
  [{ headers: new Map([['tenant', 'acme']]) }, 'CALL_OPTION', 'found an object of Map. Write Object.fromEntries(…) around it.'],
  [{ held: true }, 'CALL_OPTION', 'A publish takes "held" as false or left out'],
  [{ delai: '5s' }, 'UNKNOWN_OPTION', 'A publish has no option "delai". Did you mean "delay"?'],
])('a publish with %j says what it takes', async (options, code, message) => {
  const { app } = await startApp({ services: [Worker], middleware: [{ publish: (call, next) => next({ ...call.options, headers: { ...call.options.headers } }) }] })
  const expected = { code, message: expect.stringContaining(message) }

  await expect(app.publish(new Work({ n: 1 }), options as never)).rejects.toMatchObject(expected)
  await expect(app.get(Worker).work({ n: 1 }, options as never)).rejects.toMatchObject(expected)
})

test('what a middleware hands on is looked at too', async () => {
  const { app } = await startApp({ services: [], middleware: [{ publish: (_call, next) => next({ headers: 'x' } as never) }] })

  await expect(app.publish(new Work({ n: 1 }))).rejects.toMatchObject({ code: 'CALL_OPTION' })
})

test.each([
  [null, 'CALL_OPTION', "An ask takes an object of options, such as { timeout: '2s' }; found null."],
  [{ timout: '1s' }, 'UNKNOWN_OPTION', 'An ask has no option "timout". Did you mean "timeout"? Known options: timeout, signal.'],
  [{ signal: 'now' }, 'CALL_OPTION', 'found "now"'],
])('an ask with %j says what it takes', async (options, code, message) => {
  const { app } = await startApp({ services: [Worker] })
  const expected = { code, message: expect.stringContaining(message) }

  await expect(app.ask(new Price({ n: 1 }), options as never)).rejects.toMatchObject(expected)
  await expect(app.get(Worker).price({ n: 1 }, options as never)).rejects.toMatchObject(expected)
})
