import { Event, Listener, type LogFields, logContext, type Logger, type Middleware, pinoLogger, type Plugin, type Publish, Publisher, Service } from '@waybill/core'
import { eventually } from '@waybill/testing'
import { expect, test } from 'vitest'
import { z } from 'zod'
import { gate, startApp } from './on-memory.js'

class Noted extends Event('noted', { payload: z.object({ secret: z.string() }) }) {}

test('a line that a listener writes says which message it belongs to, and nothing of its payload', async () => {
  const { opened, open } = gate<LogFields>()
  @Service('notes')
  class Notes {
    @Listener(Noted)
    async take(): Promise<void> {
      await Promise.resolve()
      open(logContext())
    }
  }
  const { app } = await startApp({ services: [Notes] })

  await app.publish(new Noted({ secret: 'hush' }), { id: 'n-1' })

  expect(await opened).toEqual({ listener: 'Notes.take', group: 'notes', id: 'n-1', correlationId: 'n-1', traceId: undefined })
  expect(logContext()).toEqual({})
})

test('a line about a message says where it belongs, whoever writes it: correlation and trace', async () => {
  const lines: { readonly text: string; readonly fields: LogFields | undefined }[] = []
  const note = (text: string, fields?: LogFields): void => void lines.push({ text, fields })
  const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'
  @Service('notes')
  class Notes {
    @Listener(Noted, { retry: { attempts: 2, backoff: ['1ms'] } })
    take(): void {
      throw new Error('no paper')
    }
  }
  const plugin: Plugin = { name: 'tracer', trace: () => ({ traceparent, tracestate: undefined, baggage: undefined }), open: (host) => void (log = host.log) }
  let log: Logger | undefined
  const middleware: Middleware = {
    listen(_call, next) {
      log?.info('It begins.', { desk: 1 })

      return next()
    },
  }
  const { app } = await startApp({ services: [Notes], plugins: [plugin], middleware: [middleware], log: { debug: note, info: note, warn: note, error: note } })

  await app.publish(new Noted({ secret: 'hush' }), { id: 'n-1' })
  await eventually(() => lines.some(({ text }) => text.includes('gave up')))

  const origin = { id: 'n-1', correlationId: 'n-1', traceId: '0af7651916cd43dd8448eb211c80319c' }
  for (const part of ['failed, try 1', 'gave up']) expect(lines.find(({ text }) => text.includes(part))?.fields).toMatchObject(origin)
  expect(lines.find(({ text }) => text === 'It begins.')?.fields).toEqual({ ...origin, listener: 'Notes.take', group: 'notes', desk: 1 })
  expect(lines.find(({ text }) => text.includes('is running'))?.fields).toEqual({ listeners: 1, groups: 1 })
})

test('a line about a message says nothing of the one whose listener sent it', async () => {
  class Sent extends Event('noted.sent', { payload: z.object({ n: z.number() }) }) {}
  const lines: { readonly text: string; readonly fields: LogFields | undefined }[] = []
  const note = (text: string, fields?: LogFields): void => void lines.push({ text, fields })
  @Service('notes')
  class Notes {
    constructor(@Publisher(Sent) readonly send: Publish<Sent>) {}

    @Listener(Noted)
    async take(): Promise<void> {
      await this.send({ n: 1 }, { held: false })
    }
  }
  @Service('readers')
  class Readers {
    @Listener(Sent, { retry: false })
    read(): void {
      throw new Error('too dark')
    }
  }
  const { app } = await startApp({ services: [Notes, Readers], log: { debug: note, info: note, warn: note, error: note } })

  await app.publish(new Noted({ secret: 'hush' }), { id: 'n-1' })
  await eventually(() => lines.some(({ text }) => text.includes('gave up')))

  const told = lines.filter(({ text }) => text.startsWith('Readers.read'))
  expect(told.map(({ fields }) => [fields?.['listener'], fields?.['group']])).toEqual(told.map(() => [undefined, 'readers']))
})

test("the framework's lines go to pino, fields first", async () => {
  const lines: { readonly fields: object; readonly text: string }[] = []
  const note = (fields: object, text: string): void => void lines.push({ fields, text })

  const { app } = await startApp({ services: [], log: pinoLogger({ debug: note, info: note, warn: note, error: note }) })
  await app.stop()

  expect(lines[0]).toEqual({ text: 'test is running on memory broker', fields: { listeners: 0, groups: 0 } })
})
