import { Command, type Delivery, Listener, type Middleware, Service } from '@waybill/core'
import { eventually } from '@waybill/testing'
import { expect, onTestFinished, test } from 'vitest'
import { z } from 'zod'
import { gate, startApp } from './on-memory.js'

class Work extends Command('work.do', { payload: z.object({ n: z.number() }) }) {}
class Kept extends Command('work.keep', { channel: 'work', key: 'of', payload: z.object({ n: z.number(), of: z.string() }) }) {}

const dead = { channel: 'work', group: 'worker' }
const careless: Record<string, NonNullable<Middleware['listen']>> = {
  'does not await its next': async (_call, next) => void next(),
  'awaits something else first': async (_call, next) => {
    void next()
    await new Promise((resolve) => setImmediate(resolve))
  },
  'only hangs something on its next': async (_call, next) => void next().finally(() => undefined),
}

function unhandled(): readonly unknown[] {
  const seen: unknown[] = []
  const remember = (error: unknown): void => void seen.push(error)
  process.on('unhandledRejection', remember)
  onTestFinished(() => void process.off('unhandledRejection', remember))

  return seen
}

test.each(Object.entries(careless))('what a listener throws counts, and ends no process, although its middleware %s', async (_title, listen) => {
  const seen = unhandled()
  @Service('worker')
  class Worker {
    @Listener(Work, { retry: false })
    async work(): Promise<void> {
      await Promise.resolve()
      throw new Error('no such item')
    }
  }
  const { app } = await startApp({ services: [Worker], middleware: [{ listen }] })

  await app.publish(new Work({ n: 1 }))
  await eventually(async () => (await app.deadLetters.list(dead)).length === 1)

  expect((await app.deadLetters.list(dead))[0]).toMatchObject({ reason: 'FAILED', message: 'no such item' })
  expect(seen).toEqual([])
})

test('a message is not acked before its listener has ended, although its middleware does not await that', async () => {
  const { opened, open } = gate()
  let isDone = false
  @Service('worker')
  class Worker {
    @Listener(Work)
    async work(): Promise<void> {
      await opened
      isDone = true
    }
  }
  const { app, broker } = await startApp({ services: [Worker], middleware: [{ listen: async (_call, next) => void next() }] })
  const unsettled = (): number => broker.queues().reduce((sum, queue) => sum + queue.unsettled, 0)

  await app.publish(new Work({ n: 1 }))
  await eventually(() => app.health().consumers.some(({ running }) => running === 1))
  const before = unsettled()
  open()
  await eventually(() => unsettled() === 0)

  expect(before).toBe(1)
  expect(isDone).toBe(true)
})

test('the next message of a key waits for the one before, although a middleware throws while its listener still runs', async () => {
  const { opened, open } = gate()
  const seen: string[] = []
  @Service('worker')
  class Worker {
    @Listener(Kept, { retry: { attempts: 2, backoff: ['1ms'] } })
    async work({ n }: Kept, { attempt }: Delivery): Promise<void> {
      seen.push(`${n} begins, try ${attempt}`)
      if (attempt === 1 && n === 1) await opened
      seen.push(`${n} ends`)
    }
  }
  const listen: Middleware['listen'] = async ({ delivery }, next) => {
    const done = next()
    if (delivery.attempt === 1) throw new Error('too slow')
    await done
  }
  const { app } = await startApp({ services: [Worker], middleware: [{ listen }] })

  await app.publish([new Kept({ n: 1, of: 'a' }), new Kept({ n: 2, of: 'a' })])
  await eventually(() => seen.length === 1)
  for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve))
  open()
  await eventually(() => seen.length === 8)

  expect(seen).toEqual(['1 begins, try 1', '1 ends', '1 begins, try 2', '1 ends', '2 begins, try 1', '2 ends', '2 begins, try 2', '2 ends'])
})

test('a middleware that looks at what its next threw may swallow it', async () => {
  const seen: unknown[] = []
  @Service('worker')
  class Worker {
    runs = 0

    @Listener(Work)
    async work(): Promise<void> {
      this.runs++
      throw new Error('no such item')
    }
  }
  const swallow: Middleware = { listen: async (_call, next) => next().catch((error: unknown) => void seen.push(error)) }
  const { app, broker } = await startApp({ services: [Worker], middleware: [swallow] })

  await app.publish(new Work({ n: 1 }))
  await eventually(() => seen.length === 1 && broker.queues().every(({ waiting, unsettled }) => waiting + unsettled === 0))

  expect(app.get(Worker).runs).toBe(1)
})

test('a publish fails where its message was not taken, although its middleware does not await its next', async () => {
  const seen = unhandled()
  const { app } = await startApp({ services: [], middleware: [{ publish: async (_call, next) => void next() }] })

  await expect(app.publish(new Work({ n: 1 }))).rejects.toMatchObject({ code: 'UNROUTABLE' })
  expect(seen).toEqual([])
})
