import { Command, createApp, type Delivery, Event, InvalidMessage, Listener, type Logger, type Publish, PublishError, Publisher, Query, Service } from '@waybill/core'
import { memory, memoryBroker } from '@waybill/transport-memory'
import { eventually } from '@waybill/testing'
import { expect, onTestFinished, test } from 'vitest'
import { z } from 'zod'
import { startApp } from './on-memory.js'

class Work extends Command('work.do', { payload: z.object({ n: z.number() }) }) {}
class Heard extends Event('news.heard', { heard: true, payload: z.object({ n: z.number() }) }) {}
class News extends Event('news.told', { payload: z.object({ n: z.number() }) }) {}

@Service('worker')
class Worker {
  readonly seen: number[] = []
  readonly ids: string[] = []

  @Listener(Work)
  work({ n }: Work, { id }: Delivery): void {
    this.seen.push(n)
    this.ids.push(id)
  }
}

test('P1 a command that nobody takes is rejected as unroutable, naming exchange and key', async () => {
  const { app } = await startApp({ services: [] })

  await expect(app.publish(new Work({ n: 1 }))).rejects.toMatchObject({
    code: 'UNROUTABLE',
    message: expect.stringContaining('. Start the app whose service listens to it'),
    failures: [{ index: 0, messageName: 'work.do', outcome: { kind: 'unroutable', reason: expect.stringMatching(/work.*work\.do/) } }],
  })
})

test('a caller that gives up while its channel waits for the broker hears it at once, and its message is never sent', async () => {
  const broker = memoryBroker()
  const { app: worker } = await startApp({ services: [Worker], broker })
  const { app } = await startApp({ name: 'caller', services: [], broker })
  const controller = new AbortController()
  const rejected = { failures: [{ outcome: { kind: 'rejected', reason: expect.stringContaining('gave up') } }] }

  broker.stop()
  const publish = app.publish(new Work({ n: 1 }), { signal: controller.signal })
  controller.abort()
  await expect(publish).rejects.toMatchObject(rejected)
  broker.start()
  await eventually(() => app.health().ready)
  await app.publish(new Work({ n: 2 }))
  await eventually(() => broker.queues().every(({ waiting, unsettled }) => waiting + unsettled === 0))

  expect(worker.get(Worker).seen).toEqual([2])
})

test('a caller that has given up already hears that nothing was sent', async () => {
  const { app } = await startApp({ services: [Worker] })
  const rejected = { code: 'REJECTED', failures: [{ index: 0, id: 'w-1', outcome: { kind: 'rejected', reason: expect.stringContaining('gave up') } }] }

  await app.publish(new Work({ n: 1 }))
  await expect(app.publish(new Work({ n: 2 }), { id: 'w-1', signal: AbortSignal.abort() })).rejects.toMatchObject(rejected)
  await app.publish(new Work({ n: 3 }))
  await eventually(() => app.get(Worker).seen.includes(3))

  expect(app.get(Worker).seen).toEqual([1, 3])
})

test('one id for several messages is refused, as the second would be a duplicate of the first', async () => {
  const { app } = await startApp({ services: [Worker] })

  await expect(app.publish([new Work({ n: 1 }), new Work({ n: 2 })], { id: 'w-1' })).rejects.toMatchObject({
    code: 'MESSAGE_ID',
    message: expect.stringContaining('"id" names one message; found "w-1" for 2 at once'),
  })
  await app.publish([new Work({ n: 3 })], { id: 'w-1' })
  await eventually(() => app.get(Worker).seen.length > 0)

  expect(app.get(Worker).seen).toEqual([3])
})

test('P14 an event that nobody hears is fine, unless it must be heard', async () => {
  const { app } = await startApp({ services: [] })

  await app.publish(new News({ n: 1 }))

  await expect(app.publish(new Heard({ n: 1 }))).rejects.toMatchObject({ code: 'UNROUTABLE' })
})

test('P3 a publish that nobody awaits and that fails is logged, and the process goes on', async () => {
  const { log, unhandled, warnings } = watched()
  const { app } = await startApp({ services: [], log })

  void app.publish(new Work({ n: 1 }))
  await eventually(() => warnings.length === 1)
  await new Promise((resolve) => setImmediate(resolve))

  expect(warnings[0]).toContain('work.do')
  expect(unhandled).toEqual([])
})

test('P15 of many messages only the refused ones reject, each with its place, id and outcome', async () => {
  const { app } = await startApp({ services: [Worker] })
  const messages = [new Work({ n: 1 }), new Heard({ n: 2 }), new Work({ n: 3 })]

  const failed = await app.publish(messages).catch((error: unknown) => error)
  await eventually(() => app.get(Worker).seen.length === 2)

  expect(failed).toBeInstanceOf(PublishError)
  expect((failed as PublishError).failures.map(({ index }) => index)).toEqual([1])
  expect(app.get(Worker).seen).toEqual([1, 3])
})

test('P5 a broker that takes nothing: the caller hears within the deadline, and listeners go on', async () => {
  const { app, broker } = await startApp({ services: [Worker], publishDeadline: '50ms' })
  broker.block()

  const failed = await app.publish(new Work({ n: 1 })).catch((error: unknown) => error)
  expect(failed).toMatchObject({ code: expect.stringMatching(/REJECTED|UNKNOWN/) })
  expect(app.health().ready).toBe(false)

  broker.unblock()
  await app.publish(new Work({ n: 2 }))
  await eventually(() => app.get(Worker).seen.includes(2))
})

test('P11 a confirm that is lost leaves the caller with "unknown"; sent again under the same id it is the same message', async () => {
  const { app, broker } = await startApp({ services: [Worker], publishDeadline: '50ms' })
  broker.loseConfirms()

  const failed = await app.publish(new Work({ n: 1 }), { id: 'order-7' }).catch((error: unknown) => error)
  await app.publish(new Work({ n: 1 }), { id: 'order-7' })
  await eventually(() => app.get(Worker).ids.length === 2)

  expect(failed).toMatchObject({ code: 'UNKNOWN', failures: [{ id: 'order-7' }] })
  expect(app.get(Worker).ids).toEqual(['order-7', 'order-7'])
})

test('what one turn publishes leaves as one batch, and one alone leaves at once', async () => {
  const broker = memoryBroker()
  const transport = memory({ broker })
  const sizes: number[] = []
  const { publish } = transport
  transport.publish = (batch, settled) => {
    sizes.push(batch.length)
    publish.call(transport, batch, settled)
  }
  const app = createApp({ name: 'test', services: [], signals: false, log: false, transport })
  onTestFinished(() => app.stop())
  await app.start()
  await app.publish(new News({ n: 0 }))
  sizes.length = 0

  await Promise.all(Array.from({ length: 100 }, (_, n) => app.publish(new News({ n }))))
  await app.publish(new News({ n: 100 }))

  expect(sizes).toEqual([100, 1])
})

test('a payload that does not fit is refused where it is made, and nothing of its batch is sent', async () => {
  @Service('sender')
  class Sender {
    constructor(@Publisher(Work) readonly send: Publish<Work>) {}
  }
  const { app } = await startApp({ services: [Sender, Worker] })

  await expect(app.get(Sender).send([{ n: 1 }, { n: 'two' as unknown as number }])).rejects.toBeInstanceOf(InvalidMessage)
  await app.get(Sender).send({ n: 3 })
  await eventually(() => app.get(Worker).seen.length === 1)

  expect(app.get(Worker).seen).toEqual([3])
})

test.for([
  [{ headers: { 'x-death': 'forged' } }, 'RESERVED_HEADER'],
  [{ headers: { 'waybill-attempt': 9 } }, 'RESERVED_HEADER'],
  [{ headers: { cloudEvents_id: 'mine' } }, 'RESERVED_HEADER'],
  [{ headers: { __proto__x: {} } }, 'HEADER_VALUE'],
  [{ delay: '5 minutes' }, 'DURATION'],
  [{ priority: 1.5 }, 'PRIORITY'],
] as const)('a wrong option of one publish is refused before anything is sent: %j', async ([options, code]) => {
  const { app } = await startApp({ services: [] })

  await expect(app.publish(new News({ n: 1 }), options as never)).rejects.toMatchObject({ code })
})

test('a message over the limit is refused where it is published', async () => {
  const { app } = await startApp({ services: [], limits: { bodyBytes: 100 } })
  class Long extends Event('news.long', { payload: z.object({ text: z.string() }) }) {}

  await expect(app.publish(new Long({ text: 'x'.repeat(200) }))).rejects.toMatchObject({ code: 'MESSAGE_TOO_LARGE' })
})

test('several transports live in one app, each channel on its own', async () => {
  const fast = memoryBroker()
  const slow = memoryBroker()
  const app = createApp({
    name: 'test',
    services: [Worker],
    signals: false,
    log: false,
    transports: { fast: memory({ broker: fast }), slow: memory({ broker: slow }) },
    channels: { work: { transport: 'slow' } },
  })
  onTestFinished(() => app.stop())
  await app.start()

  await app.publish([new Work({ n: 1 }), new News({ n: 2 })])
  await eventually(() => app.get(Worker).seen.length === 1)

  expect(slow.queues().map(({ name }) => name)).toContain('work.worker')
  expect(fast.queues().map(({ name }) => name)).not.toContain('work.worker')
})

test('a query that is published, and an option that nobody knows, are refused', async () => {
  class GetPrice extends Query('price.get', { payload: z.object({ sku: z.string() }), reply: z.object({ price: z.number() }) }) {}
  const { app } = await startApp({ services: [] })

  await expect(app.publish(new GetPrice({ sku: 'a' }) as never)).rejects.toMatchObject({ code: 'QUERY_PUBLISHED' })
  await expect(app.publish(new News({ n: 1 }), { idd: 'x' } as never)).rejects.toMatchObject({ code: 'UNKNOWN_OPTION', message: expect.stringContaining('Did you mean "id"') })
})

test('P3 a payload that does not fit and a publish after the end are logged where nobody awaits them', async () => {
  const { log, unhandled, warnings } = watched()
  @Service('teller')
  class Teller {
    constructor(@Publisher(News) readonly tell: Publish<News>) {}
  }
  const { app } = await startApp({ services: [Teller], log })

  void app.get(Teller).tell({ n: 'one' as never })
  const { tell } = app.get(Teller)
  await app.stop()
  void tell({ n: 1 })
  void app.publish(new News({ n: 1 }))
  await eventually(() => warnings.length === 3)
  await new Promise((resolve) => setImmediate(resolve))

  expect(unhandled).toEqual([])
})

test('a method that publishes what it returns, and is not awaited, ends in the log, and not the process', async () => {
  const { log, unhandled, warnings } = watched()
  @Service('speaker')
  class Speaker {
    @Publisher(Work)
    async order(n: number): Promise<Work> {
      return new Work({ n })
    }

    @Listener(News, { retry: false })
    on({ n }: News): void {
      void this.order(n)
    }
  }
  const { app } = await startApp({ services: [Speaker], log })
  const speaker = app.get(Speaker)

  void speaker.order(1)
  await eventually(() => warnings.length === 1)
  await expect(speaker.order(2)).rejects.toMatchObject({ code: 'UNROUTABLE' })
  await app.publish(new News({ n: 3 }))
  await eventually(() => warnings.some((text) => text.startsWith('Speaker.order failed') && text.includes('after it had ended')))
  await app.stop()
  void speaker.order(4)
  await eventually(() => warnings.some((text) => text.startsWith('Speaker.order failed') && text.includes('its app has stopped')))
  await new Promise((resolve) => setImmediate(resolve))

  expect(warnings[0]).toMatch(/^Speaker\.order failed: .*work\.do/)
  expect(unhandled).toEqual([])
})

test.for([
  ['an empty id', { id: '' }, 'MESSAGE_ID'],
  ['an id of 256 bytes', { id: 'ü'.repeat(128) }, 'MESSAGE_ID'],
  ['an id that is a number', { id: 7 }, 'MESSAGE_ID'],
  ['a header of 20 KiB', { headers: { large: 'x'.repeat(20_480) } }, 'HEADERS_TOO_LARGE'],
  ['60 headers, which are too many with its envelope', { headers: Object.fromEntries(Array.from({ length: 60 }, (_, n) => [`h${n}`, n])) }, 'HEADERS_TOO_LARGE'],
  ['a header whose name has 256 bytes', { headers: { ['ü'.repeat(128)]: 'x' } }, 'RESERVED_HEADER'],
  ['a header that is not a number', { headers: { n: Number.NaN } }, 'HEADER_VALUE'],
  ['a delay longer than a timer', { delay: '60d' }, 'DURATION'],
] as const)('a message with %s is refused before anything is sent', async ([, options, code]) => {
  const { app, broker } = await startApp({ services: [Worker] })

  await expect(app.publish(new Work({ n: 1 }), options as never)).rejects.toMatchObject({ code })

  expect(app.get(Worker).seen).toEqual([])
  expect(broker.queues().every(({ waiting, unsettled }) => waiting + unsettled === 0)).toBe(true)
})

test('a payload nested deeper than any listener takes is refused before it is sent', async () => {
  class Deep extends Event('deep.told', { payload: z.object({ list: z.unknown() }) }) {}
  const { app } = await startApp({ services: [] })
  const list = Array.from({ length: 40 }).reduce<unknown>((inner) => [inner], 1)

  await expect(app.publish(new Deep({ list }))).rejects.toMatchObject({ code: 'INVALID_MESSAGE' })
})

test('what is no message is told as it was found, and how to make one of it', async () => {
  const { app } = await startApp({ services: [] })

  await expect(app.publish(Work as never)).rejects.toMatchObject({
    code: 'NO_MESSAGE',
    message: 'Expected an instance of a message class, found the function or class Work. Publish "new Work({ … })".',
  })
  await expect(app.publish('work' as never)).rejects.toMatchObject({ code: 'NO_MESSAGE', message: expect.stringContaining('found "work". Publish "new OrderPlaced(') })
})

/** What is logged as a warning, and what nobody handles. */
function watched() {
  const warnings: string[] = []
  const quiet = (): void => undefined
  const log: Logger = { debug: quiet, info: quiet, error: quiet, warn: (text) => warnings.push(text) }
  const unhandled: unknown[] = []
  const remember = (reason: unknown): void => void unhandled.push(reason)
  process.on('unhandledRejection', remember)
  onTestFinished(() => void process.off('unhandledRejection', remember))

  return { log, unhandled, warnings }
}
