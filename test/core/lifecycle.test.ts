import { ConfigError, createApp, type LogFields, type Logger, Listener, Event, Command, type Publish, Publisher, Service, type Transport, BrokerRefused } from '@waybill/core'
import { memory, memoryBroker } from '@waybill/transport-memory'
import { eventually, virtualRuntime } from '@waybill/testing'
import { ContainerModule } from 'inversify'
import { expect, onTestFinished, test } from 'vitest'
import { z } from 'zod'
import { gate, startApp } from './on-memory.js'

const payload = z.object({ n: z.number() })

class Pool {}

@Service('pooled')
class Pooled {
  constructor(readonly pool: Pool) {}
}

function poolThat(letGo: () => unknown): ContainerModule {
  return new ContainerModule(({ bind }) => {
    bind(Pool)
      .toDynamicValue(() => new Pool())
      .inSingletonScope()
      .onDeactivation(() => letGo() as void)
  })
}

class Work extends Command('work.do', { payload }) {}
class Done extends Event('done.done', { payload }) {}

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

test('a plugin opens before a broker is reached, starts before the first message, and stops after the last', async () => {
  const order: string[] = []
  const transport: Transport = memory()
  const connect = transport.connect.bind(transport)
  transport.connect = (host) => {
    order.push('connect')

    return connect(host)
  }
  @Service('worker')
  class Worker {
    @Listener(Work)
    work(): void {
      order.push('work')
    }
  }
  const plugin = { name: 'cache', open: () => void order.push('open'), start: () => void order.push('start'), stop: () => void order.push('stop') }
  const app = createApp({ name: 'test', services: [Worker], signals: false, log: false, transport, plugins: [plugin] })
  onTestFinished(() => app.stop())
  await app.start()
  await app.publish(new Work({ n: 1 }))
  await eventually(() => order.includes('work'))
  await app.stop()

  expect(order).toEqual(['open', 'connect', 'start', 'work', 'stop'])
})

const hang = (): Promise<never> => new Promise(() => undefined)
const fail = (): never => {
  throw new Error('the pool is broken')
}

test.each([
  ['a plugin that never stops', { plugins: [{ name: 'stuck', stop: hang }] }, 'The plugin "stuck" did not stop within'],
  ['a binding that never lets go', { modules: [poolThat(hang)] }, '`onDeactivation` of `modules` did not end within'],
  ['a binding that fails to let go', { modules: [poolThat(fail)] }, '`onDeactivation` of `modules` failed: the pool is broken'],
] as const)('S1 an app stops inside its deadline, and says so, with %s', async (_title, parts, line) => {
  const lines: string[] = []
  const note = (text: string): void => void lines.push(text)
  const runtime = virtualRuntime()
  const ends: string[] = []
  const { app } = await startApp({
    services: [Pooled],
    runtime,
    shutdown: '5s',
    log: { debug: note, info: note, warn: note, error: note },
    modules: [poolThat(() => undefined)],
    ...parts,
  })

  const stopping = app.stop().then(() => ends.push('stopped'))
  await runtime.advance('30s')
  await stopping

  expect(ends).toEqual(['stopped'])
  expect(lines.join('\n')).toContain(line)
  expect(lines.at(-1)).toBe('test has stopped')
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

test.each(['open', 'start'] as const)('a plugin that hangs in `%s` keeps neither `start` nor its deadline', async (step) => {
  let begin = (): void => undefined
  const begun = new Promise<void>((resolve) => (begin = resolve))
  const plugin = { name: 'stuck', [step]: () => (begin(), hang()) }
  const stopped = createApp({ name: 'test', services: [], signals: false, log: false, transport: memory(), plugins: [plugin] })
  const late = createApp({ name: 'test', services: [], signals: false, log: false, transport: memory(), plugins: [plugin], startDeadline: '30ms' })

  const started = stopped.start().catch((error: unknown) => error)
  await begun
  await stopped.stop()

  expect(await started).toMatchObject({ code: 'STOPPED', cause: expect.objectContaining({ message: 'The plugin "stuck" had not started yet.' }) })
  await expect(late.start()).rejects.toMatchObject({
    code: 'START_DEADLINE',
    message: '"test" has not started after 30ms: its plugin "stuck" has not. Mend the plugin, or wait longer by `startDeadline`.',
  })
})
