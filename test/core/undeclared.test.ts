import { Command, Query } from '@waybill/core'
import { virtualRuntime } from '@waybill/testing'
import { expect, test } from 'vitest'
import { z } from 'zod'
import { startApp } from './on-memory.js'

class Work extends Command('work.do', { payload: z.object({}) }) {}
class Price extends Query('price.get', { payload: z.object({}), reply: z.object({}) }) {}

test('P5 a first message on a channel that a broker out of reach cannot declare is rejected by the deadline', async () => {
  const runtime = virtualRuntime()
  const { app, broker } = await startApp({ services: [], runtime })
  broker.stop()

  const failed = app.publish(new Work({})).catch((error: unknown) => error)
  await runtime.advance('10s')

  expect(await Promise.race([failed, Promise.resolve('still open')])).toMatchObject({ code: 'REJECTED', failures: [{ index: 0, messageName: 'work.do' }] })
})

test('Q1 a first query that a broker out of reach cannot take ends by its deadline', async () => {
  const runtime = virtualRuntime()
  const { app, broker } = await startApp({ services: [], runtime })
  broker.stop()

  const failed = app.ask(new Price({}), { timeout: '3s' }).catch((error: unknown) => error)
  await runtime.advance('3s')

  expect(await Promise.race([failed, Promise.resolve('still open')])).toMatchObject({ code: 'ASK_TIMEOUT' })
})

test('S2 an app that asked while its broker was out of reach stops all the same', async () => {
  const runtime = virtualRuntime()
  const { app, broker } = await startApp({ services: [], runtime })
  broker.stop()

  const failed = app.ask(new Price({})).catch((error: unknown) => error)
  await runtime.advance(0)
  await app.stop()

  expect(await failed).toMatchObject({ code: 'TRANSPORT_CLOSED' })
  expect(runtime.pending()).toEqual({ timers: 0, jobs: 0 })
})
