import { type App, createApp, Event, type Publish, Publisher, Service } from '@waybill/core'
import { memory } from '@waybill/transport-memory'
import { expect, test } from 'vitest'
import { z } from 'zod'
import { startApp } from './on-memory.js'

class Done extends Event('done.done', { payload: z.object({ n: z.number() }) }) {}

const workers = { channel: 'work', group: 'worker' }

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
  expect(() => app.get(Sender)).toThrow(expect.objectContaining({ code: 'STOPPED' }))
  await expect(sender.done({ n: 1 })).rejects.toMatchObject({ code: 'STOPPED' })
  await expect(sender.finish()).rejects.toMatchObject({ code: 'STOPPED' })
})

test('while the app starts every way to send says so', async () => {
  const app = createApp({ name: 'test', services: [], signals: false, log: false, transport: memory() })

  const started = app.start()
  const publishing = app.publish(new Done({ n: 1 }))

  await expect(publishing).rejects.toMatchObject({ code: 'NOT_STARTED', message: expect.stringContaining('"test" is starting') })
  await started
  await app.stop()
})

test('an app that could not start has stopped', async () => {
  const app = createApp({ name: 'test', services: [], signals: false, log: false, transport: memory(), channels: { work: { partitions: 0 } } })

  await expect(app.start()).rejects.toMatchObject({ code: 'NUMBER' })

  await expect(app.publish(new Done({ n: 1 }))).rejects.toMatchObject({ code: 'STOPPED' })
})

test.each([
  ['list', (app: App) => app.deadLetters.list(workers)],
  ['show', (app: App) => app.deadLetters.show(workers, 'a')],
  ['redrive', (app: App) => app.deadLetters.redrive(workers)],
  ['edit', (app: App) => app.deadLetters.edit(workers, 'a', { payload: { n: 1 } })],
  ['discard', (app: App) => app.deadLetters.discard(workers, { because: 'a test' })],
] as const)('before start and after stop deadLetters.%s says so', async (verb, call) => {
  const { app } = await startApp({ services: [] })
  const fresh = createApp({ name: 'test', services: [], signals: false, log: false, transport: memory() })
  await app.stop()

  await expect(call(fresh)).rejects.toMatchObject({ code: 'NOT_STARTED', message: expect.stringContaining(`app.deadLetters.${verb} needs a running app`) })
  await expect(call(app)).rejects.toMatchObject({ code: 'STOPPED' })
})

test('an app that has run and stopped is not started again', async () => {
  const app = createApp({ name: 'test', services: [], signals: false, log: false, transport: memory() })
  await app.start()
  await app.stop()

  await expect(app.start()).rejects.toMatchObject({ code: 'STOPPED', message: expect.stringContaining('create another') })
})

test('what a plugin throws at start is logged with its name', async () => {
  const lines: string[] = []
  const note = (text: string): void => void lines.push(text)
  const open = () => Promise.reject(new Error('There is no cache.'))
  const app = createApp({
    name: 'test',
    services: [],
    signals: false,
    log: { debug: note, info: note, warn: note, error: note },
    transport: memory(),
    plugins: [{ name: 'cache', open }],
  })

  await expect(app.start()).rejects.toThrow('There is no cache.')

  expect(lines).toEqual(['The plugin "cache" did not start: There is no cache.'])
})
