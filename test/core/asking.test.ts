import { type Ask, AskTimeout, createApp, Event, Listener, observe, Publisher, Query, RemoteError, Service } from '@waybill/core'
import { memory, memoryBroker } from '@waybill/transport-memory'
import { eventually, virtualRuntime } from '@waybill/testing'
import { expect, onTestFinished, test } from 'vitest'
import { z } from 'zod'
import { gate, startApp } from './on-memory.js'

class GetPrice extends Query('price.get', { payload: z.object({ sku: z.string() }), reply: z.object({ price: z.number(), at: z.coerce.date() }) }) {}

@Service('prices')
class Prices {
  runs = 0

  @Listener(GetPrice, { retry: { attempts: 3, backoff: ['1ms'] } })
  async give({ sku }: GetPrice): Promise<{ price: number; at: Date }> {
    this.runs++
    if (sku === 'broken') throw Object.assign(new Error('the scale is broken'), { code: 'SCALE' })
    if (sku === 'wrong') return { price: 'much' as unknown as number, at: new Date() }

    return { price: sku.length, at: new Date('2026-01-01') }
  }
}

@Service()
class Asker {
  constructor(@Publisher(GetPrice) readonly price: Ask<GetPrice>) {}
}

test('a query is answered, and the reply has what its schema makes of it', async () => {
  const { app } = await startApp({ services: [Prices, Asker] })

  expect(await app.get(Asker).price({ sku: 'abc' })).toEqual({ price: 3, at: new Date('2026-01-01') })
  expect(await app.ask(new GetPrice({ sku: 'ab' }))).toMatchObject({ price: 2 })
})

test('a listener that answers with a message is told to return a plain object', async () => {
  @Service('prices')
  class Echo {
    @Listener(GetPrice)
    give(query: GetPrice): never {
      return query as never
    }
  }
  const { app } = await startApp({ services: [Echo] })

  await expect(app.ask(new GetPrice({ sku: 'a' }))).rejects.toMatchObject({
    code: 'UNDECLARED_RETURN',
    message: expect.stringMatching(/Echo\.give answered with the message "price\.get".*plain object/),
  })
})

test('many queries at once each get their own reply', async () => {
  const { app } = await startApp({ services: [Prices] })

  const replies = await Promise.all(Array.from({ length: 100 }, (_, i) => app.ask(new GetPrice({ sku: 'x'.repeat(i) }))))

  expect(replies.map(({ price }) => price)).toEqual(Array.from({ length: 100 }, (_, i) => i))
})

test('Q1 nobody answers in time: a typed error', async () => {
  const never = gate()
  @Service('silent')
  class Silent {
    @Listener(GetPrice)
    async give(): Promise<{ price: number; at: Date }> {
      await never.opened
      return { price: 1, at: new Date() }
    }
  }
  const { app } = await startApp({ services: [Silent], shutdown: '50ms' })

  await expect(app.ask(new GetPrice({ sku: 'a' }), { timeout: '20ms' })).rejects.toThrow(
    new AskTimeout('ASK_TIMEOUT', 'Nobody answered "price.get" within 20ms. Does a listener for it run, and is it done in that time?'),
  )
  never.open()
})

test('Q1 nobody is there to answer: said at once', async () => {
  const { app } = await startApp({ services: [] })

  await expect(app.ask(new GetPrice({ sku: 'a' }))).rejects.toMatchObject({
    code: 'UNROUTABLE',
    message: expect.stringContaining('. Start the app whose service listens to it'),
  })
})

test('Q3 the error of the listener reaches the caller, with its code, after the quick tries', async () => {
  const { app } = await startApp({ services: [Prices] })

  const failed = await app.ask(new GetPrice({ sku: 'broken' })).catch((error: unknown) => error)

  expect(failed).toBeInstanceOf(RemoteError)
  expect(failed).toMatchObject({ code: 'SCALE', message: expect.stringContaining('the scale is broken') })
  expect(app.get(Prices).runs).toBe(3)
  expect(await app.deadLetters.list({ channel: 'price', group: 'prices' })).toEqual([])
})

test('Q3 the log counts the tries that a query gets, which are the quick ones', async () => {
  @Service('default-prices')
  class DefaultPrices {
    runs = 0

    @Listener(GetPrice)
    give(): { price: number; at: Date } {
      this.runs++
      throw new Error('the scale is broken')
    }
  }
  const runtime = virtualRuntime()
  const warnings: string[] = []
  const quiet = (): void => undefined
  const log = { debug: quiet, info: quiet, error: quiet, warn: (text: string) => void warnings.push(text) }
  const { app } = await startApp({ runtime, broker: memoryBroker({ runtime }), services: [DefaultPrices], log })

  const failed = app.ask(new GetPrice({ sku: 'a' })).catch((error: unknown) => error)
  await runtime.advance('10s')
  await failed

  const tries = warnings.flatMap((text) => /try \d of \d/.exec(text) ?? [])
  expect(tries).toEqual(['try 1 of 3', 'try 2 of 3'])
  expect(app.get(DefaultPrices).runs).toBe(3)
})

test('Q3 where no try fits before the deadline of a query, its caller hears the error of the last one at once', async () => {
  @Service('slow-prices')
  class SlowPrices {
    runs = 0

    @Listener(GetPrice, { retry: { attempts: 5, backoff: ['1s'] } })
    give(): { price: number; at: Date } {
      this.runs++
      throw Object.assign(new Error('the scale is broken'), { code: 'SCALE' })
    }
  }
  const runtime = virtualRuntime()
  const { app } = await startApp({ runtime, broker: memoryBroker({ runtime }), services: [SlowPrices] })
  let heardAt = 0

  const failed = app.ask(new GetPrice({ sku: 'a' }), { timeout: '2500ms' }).catch((error: unknown) => {
    heardAt = runtime.elapsed()

    return error
  })
  await runtime.advance('10s')

  expect(await failed).toMatchObject({ code: 'SCALE' })
  expect(heardAt).toBe(2_000)
  expect(app.get(SlowPrices).runs).toBe(3)
})

test('Q3 a reply that breaks its schema is the listener’s error, not the caller’s surprise', async () => {
  const { app } = await startApp({ services: [Prices] })

  await expect(app.ask(new GetPrice({ sku: 'wrong' }))).rejects.toMatchObject({ code: 'INVALID_MESSAGE' })
})

test('Q4 a caller that is gone does not trouble the listener', async () => {
  const broker = memoryBroker()
  const asked = gate()
  const answer = gate()
  @Service('slow')
  class Slow {
    answered = 0

    @Listener(GetPrice)
    async give(): Promise<{ price: number; at: Date }> {
      asked.open()
      await answer.opened
      this.answered++

      return { price: 1, at: new Date() }
    }
  }
  const { app } = await startApp({ services: [Slow], broker })
  const caller = createApp({ name: 'caller', services: [Asker], signals: false, log: false, transport: memory({ broker }) })
  onTestFinished(() => caller.stop())
  await caller.start()

  const reply = caller
    .get(Asker)
    .price({ sku: 'a' })
    .catch((error: unknown) => error)
  await asked.opened
  await caller.stop()
  expect(await reply).toMatchObject({ code: 'STOPPED' })
  answer.open()
  await eventually(() => app.get(Slow).answered === 1 && broker.queues().every(({ unsettled }) => unsettled === 0))

  expect(app.health().ready).toBe(true)
})

test('a caller that gives up hears its own reason', async () => {
  const { app } = await startApp({ services: [Prices] })
  const controller = new AbortController()

  const reply = app.ask(new GetPrice({ sku: 'a' }), { signal: controller.signal })
  controller.abort(new Error('the user left'))

  await expect(reply).rejects.toThrow('the user left')
})

test('a caller that gives up before its broker is there hears it at once, and nothing is asked', async () => {
  const broker = memoryBroker()
  const asked: string[] = []
  @Service('prices')
  class Listed {
    @Listener(GetPrice)
    give({ sku }: GetPrice): { price: number; at: Date } {
      asked.push(sku)

      return { price: 1, at: new Date() }
    }
  }
  await startApp({ services: [Listed], broker })
  const { app } = await startApp({ name: 'caller', services: [], broker })
  const controller = new AbortController()

  broker.stop()
  const reply = app.ask(new GetPrice({ sku: 'left' }), { signal: controller.signal })
  controller.abort('the user left')
  await expect(reply).rejects.toMatchObject({ code: 'ABORTED' })
  await expect(app.ask(new GetPrice({ sku: 'late' }), { signal: controller.signal })).rejects.toMatchObject({ code: 'ABORTED' })
  broker.start()
  await eventually(() => app.health().ready)
  await app.ask(new GetPrice({ sku: 'stayed' }))

  expect(asked).toEqual(['stayed'])
})

test('a listener that runs again asks again, and gets no old answer', async () => {
  class Ordered extends Event('order.ordered', { payload: z.object({ sku: z.string() }) }) {}
  let isBusy = true
  const heard: unknown[] = []
  @Service('prices')
  class Busy {
    @Listener(GetPrice, { retry: false })
    give(): { price: number; at: Date } {
      if (isBusy) throw Object.assign(new Error('Not now.'), { code: 'BUSY' })

      return { price: 2, at: new Date() }
    }
  }
  @Service('orders')
  class Orders {
    constructor(@Publisher(GetPrice) private readonly price: Ask<GetPrice>) {}

    @Listener(Ordered, { retry: { attempts: 2, backoff: ['1ms'] } })
    async on({ sku }: Ordered): Promise<void> {
      try {
        heard.push((await this.price({ sku })).price)
      } catch (error) {
        heard.push((error as RemoteError).code)
        isBusy = false
        throw error
      }
    }
  }
  const { app } = await startApp({ services: [Busy, Orders] })

  await app.publish(new Ordered({ sku: 'a' }))
  await eventually(() => heard.length === 2)

  expect(heard).toEqual(['BUSY', 2])
})

test('a reply whose schema changes it is given as the wire carries it, and got as the schema makes it', async () => {
  class GetDay extends Query('day.get', { payload: z.object({}), reply: z.object({ day: z.string().transform((text) => new Date(text)) }) }) {}
  @Service('days')
  class Days {
    @Listener(GetDay)
    give(): { day: string } {
      return { day: '2026-01-01' }
    }
  }
  const { app } = await startApp({ services: [Days] })

  expect(await app.ask(new GetDay({}))).toEqual({ day: new Date('2026-01-01') })
})

test('an ask that nobody awaits and that fails is logged, and the process goes on', async () => {
  const warnings: string[] = []
  const quiet = (): void => undefined
  const { app } = await startApp({ services: [Asker], log: { debug: quiet, info: quiet, error: quiet, warn: (text) => warnings.push(text) } })

  void app.get(Asker).price({ sku: 'a' })
  await eventually(() => warnings.length === 1)

  expect(warnings[0]).toMatch(/^The query "price\.get" of Asker failed: /)
})

test('a query whose caller no longer waits is not answered, and that is told', async () => {
  const release = gate()
  const skipped: string[] = []
  onTestFinished(observe({ skipped: ({ reason, messageName }) => skipped.push(`${reason} ${messageName}`) }))
  @Service('prices')
  class Slow {
    asked: string[] = []

    @Listener(GetPrice, { concurrency: 1 })
    async give({ sku }: GetPrice): Promise<{ price: number; at: Date }> {
      this.asked.push(sku)
      if (sku === 'first') await release.opened

      return { price: 1, at: new Date() }
    }
  }
  const { app } = await startApp({ services: [Slow] })

  const first = app.ask(new GetPrice({ sku: 'first' }))
  await eventually(() => app.get(Slow).asked.length === 1)
  await expect(app.ask(new GetPrice({ sku: 'late' }), { timeout: '20ms' })).rejects.toThrow(AskTimeout)
  release.open()
  await first
  await eventually(() => skipped.length === 1)

  expect(skipped).toEqual(['EXPIRED price.get'])
  expect(app.get(Slow).asked).toEqual(['first'])
})

test('a reply over the limits is refused where it is made, and where it comes from an app without them', async () => {
  class GetText extends Query('text.get', { payload: z.object({ length: z.number() }), reply: z.object({ text: z.string() }) }) {}
  @Service('texts')
  class Texts {
    runs = 0

    @Listener(GetText)
    give({ length }: GetText): { text: string } {
      this.runs++

      return { text: 'x'.repeat(length) }
    }
  }
  const { app, broker } = await startApp({ services: [Texts], limits: { bodyBytes: 1_000 } })
  const { app: strict } = await startApp({ name: 'strict', services: [], broker, limits: { bodyBytes: 100 } })

  await expect(app.ask(new GetText({ length: 1_000 }))).rejects.toMatchObject({ code: 'REPLY_TOO_LARGE', message: expect.stringContaining('the limit is 1000') })
  await expect(strict.ask(new GetText({ length: 500 }))).rejects.toMatchObject({ code: 'REPLY', message: expect.stringContaining('the limit is 100') })
  expect(app.get(Texts).runs).toBe(2)
})
