import { createRequire } from 'node:module'
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { context, type ContextManager, ROOT_CONTEXT, type Tracer, type TracerProvider } from '@opentelemetry/api'
import { type App, createApp, Event, Listener, type Publish, Publisher, Service } from '@waybill/core'
import { tracing, type TracingOptions } from '@waybill/tracing'
import { memory } from '@waybill/transport-memory'
import { afterEach, expect, onTestFinished, test } from 'vitest'
import { z } from 'zod'
import { gate } from '../core/on-memory.js'

class Called extends Event('called', { payload: z.object({ n: z.number() }) }) {}
class Answered extends Event('answered', { payload: z.object({ n: z.number() }) }) {}

afterEach(() => context.disable())

async function line(options: TracingOptions): Promise<{ readonly app: App; readonly lines: string[]; readonly answered: Promise<number> }> {
  const { opened, open } = gate<number>()
  @Service('line')
  class Line {
    constructor(@Publisher(Answered) private readonly answer: Publish<Answered>) {}

    @Listener(Called)
    async onCall({ n }: Called): Promise<void> {
      await this.answer({ n })
    }

    @Listener(Answered)
    onAnswer({ n }: Answered): void {
      open(n)
    }
  }
  const lines: string[] = []
  const note = (text: string): void => void lines.push(text)
  const app = createApp({
    name: 'line',
    services: [Line],
    transport: memory(),
    plugins: [tracing(options)],
    signals: false,
    log: { debug: note, info: note, warn: note, error: note },
  })
  onTestFinished(() => app.stop())
  await app.start()

  return { app, lines, answered: opened }
}

const broken: TracerProvider = {
  getTracer: (): Tracer => ({
    startSpan: () => {
      throw new Error('The tracer is broken.')
    },
    startActiveSpan: () => {
      throw new Error('The tracer is broken.')
    },
  }),
}

test('F38 a tracer that throws changes nothing for messages, and that is said', async () => {
  const { app, lines, answered } = await line({ provider: broken })

  await app.publish(new Called({ n: 1 }))

  expect(await answered).toBe(1)
  expect(lines.filter((text) => text.includes('The tracer is broken.'))).toHaveLength(2)
})

test('F38 a context manager that throws does not keep a listener from its message', async () => {
  class Broken implements ContextManager {
    active(): typeof ROOT_CONTEXT {
      return ROOT_CONTEXT
    }
    with(): never {
      throw new Error('There is no context.')
    }
    bind<T>(_context: unknown, target: T): T {
      return target
    }
    enable(): this {
      return this
    }
    disable(): this {
      return this
    }
  }
  context.setGlobalContextManager(new Broken())
  const { app, lines, answered } = await line({})

  await app.publish(new Called({ n: 2 }))

  expect(await answered).toBe(2)
  expect(lines.some((text) => text.includes('There is no context.'))).toBe(true)
})

test('without OpenTelemetry set up, messages flow and nothing is written into their headers', async () => {
  const { app, answered } = await line({})

  await app.publish(new Called({ n: 3 }))

  expect(await answered).toBe(3)
})

test('mistakes in the options are told at start', async () => {
  await expect(line({ baggage: [''], ...{ consum: 'link' } })).rejects.toThrow(/Did you mean "consume"\?[\s\S]*"baggage"/)
})

test('an instrumentation of a driver that is loaded as well is found and said', async () => {
  const folder = new URL('../../node_modules/.cache/doubled/node_modules/@opentelemetry/instrumentation-amqplib/', import.meta.url)
  mkdirSync(folder, { recursive: true })
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  writeFileSync(new URL('index.js', folder), 'module.exports = {}')
  const require = createRequire(import.meta.url)
  require(new URL('index.js', folder).pathname)
  onTestFinished(() => void delete require.cache[new URL('index.js', folder).pathname])

  const { lines } = await line({})

  expect(lines.some((text) => text.includes('"@opentelemetry/instrumentation-amqplib" is loaded beside @waybill/tracing'))).toBe(true)
})
