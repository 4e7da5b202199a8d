import {
  type Ask,
  ConfigError,
  createApp,
  type LogFields,
  type Logger,
  Listener,
  Event,
  Command,
  type Publish,
  Publisher,
  Query,
  Service,
  type Transport,
  BrokerRefused,
} from '@waybill/core'
import { memory, memoryBroker } from '@waybill/transport-memory'
import { eventually, virtualRuntime } from '@waybill/testing'
import { ContainerModule } from 'inversify'
import { expect, onTestFinished, test } from 'vitest'
import { z } from 'zod'
import { gate, startApp } from './on-memory.js'

const payload = z.object({ n: z.number() })

class Work extends Command('work.do', { payload }) {}
class Price extends Query('price.get', { payload, reply: payload }) {}
class Done extends Event('done.done', { payload }) {}

test('S1 stop lets what runs finish and ack, starts nothing more, and leaves the rest to the broker', async () => {
  const release = gate()
  @Service('worker')
  class Worker {
    started = 0
    finished = 0

    @Listener(Work, { concurrency: 10 })
    async work(): Promise<void> {
      this.started++
      await release.opened
      this.finished++
    }
  }
  const { app, broker } = await startApp({ services: [Worker] })
  const worker = app.get(Worker)

  await app.publish(Array.from({ length: 30 }, (_, n) => new Work({ n })))
  await eventually(() => worker.started === 10)
  const stopped = app.stop()
  release.open()
  await stopped

  expect(worker).toMatchObject({ started: 10, finished: 10 })
  expect(broker.queues().find(({ name }) => name === 'work.worker')).toMatchObject({ waiting: 20, unsettled: 0 })
})

test('S1 a listener that hangs does not keep the app from stopping; its message is delivered again', async () => {
  const signals: AbortSignal[] = []
  @Service('worker')
  class Worker {
    @Listener(Work)
    work(_work: Work, { signal }: { signal: AbortSignal }): Promise<void> {
      signals.push(signal)

      return new Promise(() => undefined)
    }
  }
  const lines: string[] = []
  const note = (text: string): void => void lines.push(text)
  const { app, broker } = await startApp({ services: [Worker], shutdown: '50ms', log: { debug: note, info: note, warn: note, error: note } })

  await app.publish(new Work({ n: 1 }), { id: 'w-1' })
  await eventually(() => signals.length === 1)
  await app.stop()

  expect(signals[0]?.aborted).toBe(true)
  expect(lines).toContain('1 listeners did not finish within 50 ms; their messages return to the broker: Worker.work (w-1).')
  expect(broker.queues().find(({ name }) => name === 'work.worker')).toMatchObject({ waiting: 1, unsettled: 0 })
})

test('S1 a listener that fails while its app stops does not hold the stop up', async () => {
  const release = gate()
  const begun = gate()
  @Service('worker')
  class Worker {
    @Listener(Work)
    async work(): Promise<void> {
      begun.open()
      await release.opened
      throw new Error('no')
    }
  }
  const { app, broker } = await startApp({ services: [Worker], shutdown: '60m' })

  await app.publish(new Work({ n: 1 }))
  await begun.opened
  const stopped = app.stop()
  release.open()
  await stopped

  expect(broker.queues().find(({ name }) => name === 'work.worker')).toMatchObject({ waiting: 1, unsettled: 0 })
})

test('S2 a start that waits for its broker ends when the app is stopped', async () => {
  const broker = memoryBroker()
  broker.stop()
  const app = createApp({ name: 'test', services: [], signals: false, log: false, transport: memory({ broker }) })

  const starting = app.start()
  await app.stop()

  await expect(starting).rejects.toThrow()
  expect(app.health()).toMatchObject({ live: true, ready: false, state: 'stopped' })
})

test('S2 a broker that answers nothing does not keep the app from stopping within its deadline', async () => {
  const runtime = virtualRuntime()
  const transport = silentAtStop(memory({ broker: memoryBroker({ runtime }) }))
  @Service('worker')
  class Worker {
    @Listener(Work)
    work(): void {}
  }
  @Service('asker')
  class Asker {
    constructor(@Publisher(Price) readonly price: Ask<Price>) {}
  }
  const lines: string[] = []
  const log: Logger = { debug: () => undefined, info: () => undefined, warn: (text) => void lines.push(text), error: () => undefined }
  const app = createApp({ name: 'test', services: [Worker, Asker], signals: false, log, transport, runtime, shutdown: '5s' })
  await app.start()

  void app.stop()
  await runtime.advance('5s')

  expect(app.health().state).toBe('stopped')
  expect(lines).toEqual([expect.stringContaining('Group "worker" on "work" left without an answer of memory')])
  expect(runtime.pending()).toEqual({ timers: 0, jobs: 0 })
})

test('a stop while services are made starts no plugin afterwards, and lets go of what was made', async () => {
  class Pool {}
  const release = gate()
  const steps: string[] = []
  const module = new ContainerModule(({ bind }) => {
    bind(Pool)
      .toDynamicValue(async () => {
        steps.push('making')
        await release.opened

        return new Pool()
      })
      .inSingletonScope()
      .onDeactivation(() => void steps.push('let go'))
  })
  @Service()
  class Worker {
    constructor(readonly pool: Pool) {}
  }
  const plugins = [{ name: 'late', start: () => void steps.push('plugin started') }]
  const app = createApp({ name: 'test', services: [Worker], modules: [module], plugins, signals: false, log: false, transport: memory() })

  const started = app.start().catch((error: unknown) => error)
  await eventually(() => steps.includes('making'))
  await app.stop()
  release.open()

  expect(await started).toMatchObject({ code: 'STOPPED' })
  expect(steps).toEqual(['making', 'let go'])
})

test('S4 while its broker is away an app is alive and not ready; then it goes on unaided', async () => {
  @Service('worker')
  class Worker {
    readonly seen: number[] = []

    @Listener(Work)
    work({ n }: Work): void {
      this.seen.push(n)
    }
  }
  const { app, broker } = await startApp({ services: [Worker] })
  expect(app.health().ready).toBe(true)

  broker.stop()
  await eventually(() => !app.health().ready)
  expect(app.health().live).toBe(true)
  const published = app.publish(new Work({ n: 1 }))
  broker.start()
  await published
  await eventually(() => app.health().ready && app.get(Worker).seen.length === 1)

  expect(app.get(Worker).seen).toEqual([1])
})

test('D2 two apps in one process share a broker and nothing else', async () => {
  @Service('worker')
  class Worker {
    readonly seen: number[] = []

    @Listener(Work)
    work({ n }: Work): void {
      this.seen.push(n)
    }
  }
  const { app: one, broker } = await startApp({ services: [Worker], namespace: 'one' })
  const { app: two } = await startApp({ services: [Worker], namespace: 'two', broker })

  await one.publish(new Work({ n: 1 }))
  await two.publish(new Work({ n: 2 }))
  await eventually(() => one.get(Worker).seen.length + two.get(Worker).seen.length === 2)

  expect(one.get(Worker)).not.toBe(two.get(Worker))
  expect([one.get(Worker).seen, two.get(Worker).seen]).toEqual([[1], [2]])
})

test('D4 an app stops its listeners, then its plugins, then its transports', async () => {
  const order: string[] = []
  const broker = memoryBroker()
  const transport: Transport = memory({ broker })
  const { onState } = transport
  transport.onState = (listener) =>
    onState.call(transport, (state) => {
      if (state.kind === 'closed' && !order.includes('transport')) order.push('transport')
      listener(state)
    })
  @Service('worker')
  class Worker {
    constructor(@Publisher(Done) private readonly done: Publish<Done>) {}

    @Listener(Work)
    async work({ n }: Work): Promise<void> {
      order.push('listener begins')
      await this.done({ n })
      order.push('listener ends')
    }
  }
  const plugin = (name: string) => ({ name, stop: () => void order.push(name) })
  const app = createApp({ name: 'test', services: [Worker], signals: false, log: false, transport, plugins: [plugin('first'), plugin('second')] })
  onTestFinished(() => app.stop())
  await app.start()

  await app.publish(new Work({ n: 1 }))
  await eventually(() => order.includes('listener begins'))
  await app.stop()

  expect(order).toEqual(['listener begins', 'listener ends', 'second', 'first', 'transport'])
})

test('F38 a logger that throws changes nothing for messages', async () => {
  const broken = (): never => {
    throw new Error('disk full')
  }
  const log: Logger = { debug: broken, info: broken, warn: broken, error: broken }
  @Service('worker')
  class Worker {
    runs = 0

    @Listener(Work, { retry: false })
    work(): void {
      this.runs++
      throw new Error('no')
    }
  }
  const { app } = await startApp({ services: [Worker], log })

  await app.publish(new Work({ n: 1 }))
  await eventually(async () => (await app.deadLetters.list({ channel: 'work', group: 'worker' })).length === 1)

  expect(app.get(Worker).runs).toBe(1)
})

test('before start and after stop every way to send says so', async () => {
  @Service('sender')
  class Sender {
    constructor(@Publisher(Done) readonly done: Publish<Done>) {}

    @Publisher(Done)
    async finish(): Promise<Done> {
      return new Done({ n: 1 })
    }
  }
  const app = createApp({ name: 'test', services: [Sender], signals: false, log: false, transport: memory() })

  await expect(app.publish(new Done({ n: 1 }))).rejects.toMatchObject({ code: 'NOT_STARTED' })
  expect(() => app.get(Sender)).toThrow(expect.objectContaining({ code: 'NOT_STARTED' }))
  await app.start()
  const sender = app.get(Sender)
  await app.stop()

  await expect(app.publish(new Done({ n: 1 }))).rejects.toMatchObject({ code: 'STOPPED' })
  await expect(sender.done({ n: 1 })).rejects.toMatchObject({ code: 'STOPPED' })
  await expect(sender.finish()).rejects.toMatchObject({ code: 'STOPPED' })
})

test('a method that publishes what it returns does so on a call from inside its own class, too', async () => {
  @Service('sender')
  class Sender {
    @Publisher(Done)
    async finish(n: number): Promise<Done> {
      return new Done({ n })
    }

    async finishTwice(): Promise<void> {
      await this.finish(1)
      await this.finish(2)
    }
  }
  @Service('hearer')
  class Hearer {
    readonly seen: number[] = []

    @Listener(Done)
    hear({ n }: Done): void {
      this.seen.push(n)
    }
  }
  const { app } = await startApp({ services: [Sender, Hearer] })

  await app.get(Sender).finishTwice()
  await eventually(() => app.get(Hearer).seen.length === 2)

  expect(app.get(Hearer).seen).toEqual([1, 2])
})

test('what the broker refuses for good fails start with its own words', async () => {
  const transport = memory()
  transport.connect = () => Promise.reject(new BrokerRefused('REFUSED', 'The broker does not know the user "shop". Check the user and its password.'))
  const app = createApp({ name: 'test', services: [], signals: false, log: false, transport })

  await expect(app.start()).rejects.toMatchObject({ code: 'REFUSED' })
  expect(app.health().state).toBe('stopped')
})

test('a start says everything that is wrong at once: services, options and the transport', async () => {
  class Unmarked {}
  @Service('worker')
  class Worker {
    @Listener(Work, { rate: { limit: 1, per: '1s' }, deadKey: 'park' })
    work(): void {}
  }
  const app = createApp({ name: 'test', services: [Unmarked, Worker], signals: false, log: false, transport: memory({ brocker: 1 } as object), shutdown: '5 minutes' as '5m' })

  const failed = await app.start().catch((error: unknown) => error)

  expect((failed as ConfigError).faults.map(({ code }) => code).sort()).toEqual(['DEAD_KEY', 'DURATION', 'NO_SERVICE', 'UNKNOWN_OPTION'])
})

test.for([undefined, null, 7, {}, { name: 'x' }, { name: 'x', services: 'y', transport: 'z' }, { name: 'x', services: [], transports: { a: 1 } }])(
  'createApp(%j) throws nothing; start says what is wrong',
  async (options) => {
    const app = createApp(options as never)

    await expect(app.start()).rejects.toBeInstanceOf(ConfigError)
    await app.stop()
  },
)

test('a start with a deadline gives up on a broker that is away, and says what it waited for', async () => {
  const broker = memoryBroker()
  broker.stop()
  const app = createApp({ name: 'test', services: [], signals: false, log: false, transport: memory({ broker }), startDeadline: '30ms' })

  await expect(app.start()).rejects.toMatchObject({ code: 'START_DEADLINE', message: expect.stringContaining('memory') })
  expect(app.health().state).toBe('stopped')
})

test('an app that was stopped does not start', async () => {
  const app = createApp({ name: 'test', services: [], signals: false, log: false, transport: memory() })

  await app.stop()

  await expect(app.start()).rejects.toMatchObject({ code: 'STOPPED' })
})

test('each failed try is a line in the log that says which message, which try and when again', async () => {
  const lines: { text: string; fields: LogFields | undefined }[] = []
  const quiet = (): void => undefined
  const log: Logger = { debug: quiet, info: quiet, error: quiet, warn: (text, fields) => lines.push({ text, fields }) }
  @Service('worker')
  class Worker {
    @Listener(Work, { retry: { attempts: 2, backoff: ['1ms'] } })
    work(): void {
      class DiskError extends Error {
        readonly code = 'ENOSPC'
      }
      throw new DiskError('no room', { cause: new Error('quota') })
    }
  }
  const { app } = await startApp({ services: [Worker], log })

  await app.publish(new Work({ n: 1 }), { id: 'm-1' })
  await eventually(() => lines.length === 2)
  const [letter] = await app.deadLetters.list({ channel: 'work', group: 'worker' })

  expect(lines[0]).toMatchObject({
    text: 'Worker.work failed, try 1 of 2; again in 1 ms: no room',
    fields: { id: 'm-1', messageName: 'work.do', channel: 'work', group: 'worker' },
  })
  expect(lines[1]?.text).toContain('gave up on a message')
  expect(letter?.error).toBe('DiskError [ENOSPC]: no room, caused by Error: quota')
})

/** Its consumers hear no answer when they leave. */
function silentAtStop(transport: Transport): Transport {
  const subscribe = transport.subscribe.bind(transport)

  return Object.assign(transport, {
    subscribe: async (...given: Parameters<Transport['subscribe']>) => Object.assign(await subscribe(...given), { stop: () => new Promise<void>(() => undefined) }),
  })
}
