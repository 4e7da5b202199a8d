import { Event, Listener, type LogFields, logContext, pinoLogger, Service } from '@waybill/core'
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

test("the framework's lines go to pino, fields first", async () => {
  const lines: { readonly fields: object; readonly text: string }[] = []
  const note = (fields: object, text: string): void => void lines.push({ fields, text })

  const { app } = await startApp({ services: [], log: pinoLogger({ debug: note, info: note, warn: note, error: note }) })
  await app.stop()

  expect(lines[0]).toEqual({ text: 'test is running on memory broker', fields: { listeners: 0, groups: 0 } })
})
