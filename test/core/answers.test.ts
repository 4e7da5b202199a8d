import { Listener, Query, Service } from '@waybill/core'
import { memoryBroker } from '@waybill/transport-memory'
import { virtualRuntime } from '@waybill/testing'
import { expect, test } from 'vitest'
import { z } from 'zod'
import { gate, startApp } from './on-memory.js'

class GetTime extends Query('clock.get', { payload: z.object({}), reply: z.object({ run: z.number(), face: z.string() }) }) {}

interface Asked {
  readonly id: string
  readonly replyTo: string
  readonly deadline?: number
}

/** A clock that counts its runs, and an asker without Waybill that may ask twice. */
async function clock(options: { fails?: boolean; face?: string; until?: Promise<void> } = {}): Promise<{
  runtime: ReturnType<typeof virtualRuntime>
  runs: () => number
  ask(query: Asked): Promise<void>
  waiting(queue: string): number
  disconnect(): Promise<void>
}> {
  const runtime = virtualRuntime()
  const broker = memoryBroker({ runtime })
  let runs = 0
  @Service('clock')
  class Clock {
    @Listener(GetTime, { retry: false })
    async tell(): Promise<{ run: number; face: string }> {
      runs++
      await options.until
      if (options.fails) throw new Error('stopped')

      return { run: runs, face: options.face ?? '' }
    }
  }
  await startApp({ runtime, broker, services: [Clock] })
  for (const name of ['reply.one', 'reply.two']) broker.queue(name)

  return {
    runtime,
    runs: () => runs,
    async ask({ id, replyTo, deadline = 10_000 }) {
      const headers = { cloudEvents_id: id, cloudEvents_type: 'clock.get', cloudEvents_source: '/x', 'waybill-deadline': runtime.now() + deadline }
      broker.send({ exchange: 'clock', routingKey: 'clock.get', headers, body: '{}', contentType: 'application/json', replyTo })
      await runtime.advance('1ms')
    },
    async disconnect() {
      broker.disconnect()
      await runtime.advance('1s')
    },
    waiting: (queue) => broker.queues().find(({ name }) => name === queue)?.waiting ?? 0,
  }
}

test('a query that comes twice is answered again, and its listener runs once', async () => {
  const { ask, runs, waiting } = await clock()

  await ask({ id: 'q', replyTo: 'reply.one' })
  await ask({ id: 'q', replyTo: 'reply.one' })

  expect([runs(), waiting('reply.one')]).toEqual([1, 2])
})

test('a query that failed and comes again hears the same error', async () => {
  const { ask, runs, waiting } = await clock({ fails: true })

  await ask({ id: 'q', replyTo: 'reply.one' })
  await ask({ id: 'q', replyTo: 'reply.one' })

  expect([runs(), waiting('reply.one')]).toEqual([1, 2])
})

test.each([
  ['is answered with the same', false],
  ['hears the same error', true],
])('a query that comes again while its first run is under way %s, and its listener runs once', async (_title, fails) => {
  const { opened, open } = gate()
  const { ask, runs, runtime, waiting } = await clock({ fails, until: opened })

  for (let i = 0; i < 3; i++) await ask({ id: 'q', replyTo: 'reply.one' })
  const before = waiting('reply.one')
  open()
  await runtime.advance('1ms')

  expect([runs(), before, waiting('reply.one'), waiting('clock.clock')]).toEqual([1, 0, 3, 0])
})

test('a query whose connection is lost while its listener runs is answered, and its listener runs once', async () => {
  const { opened, open } = gate()
  const { ask, disconnect, runs, runtime, waiting } = await clock({ until: opened })

  await ask({ id: 'q', replyTo: 'reply.one' })
  await disconnect()
  open()
  await runtime.advance('1s')

  expect(runs()).toBe(1)
  expect(waiting('reply.one')).toBeGreaterThan(0)
})

test('a query that comes again after its first one ran out of time unanswered is dropped as that one is', async () => {
  const { opened, open } = gate()
  const { ask, disconnect, runs, runtime, waiting } = await clock({ until: opened })

  await ask({ id: 'q', replyTo: 'reply.one', deadline: 1_000 })
  await disconnect()
  await runtime.advance('2m')
  open()
  await runtime.advance('1s')

  expect([runs(), waiting('clock.clock')]).toEqual([1, 0])
})

test('B16 whoever names another’s query waits for nothing of that', async () => {
  const { opened, open } = gate()
  const { ask, runs } = await clock({ until: opened })

  await ask({ id: 'q', replyTo: 'reply.one' })
  await ask({ id: 'q', replyTo: 'reply.two' })
  open()

  expect(runs()).toBe(2)
})

test('B16 whoever names another’s query gets nothing of its reply', async () => {
  const { ask, runs, waiting } = await clock()

  await ask({ id: 'q', replyTo: 'reply.one' })
  await ask({ id: 'q', replyTo: 'reply.two' })

  expect([runs(), waiting('reply.one'), waiting('reply.two')]).toEqual([2, 1, 1])
})

test('an answer is forgotten when nobody can wait for it any more', async () => {
  const { ask, runs, runtime } = await clock()

  await ask({ id: 'q', replyTo: 'reply.one', deadline: 1_000 })
  await runtime.advance('2s')
  await ask({ id: 'q', replyTo: 'reply.one' })

  expect(runs()).toBe(2)
})

test('B16 a reply goes to no queue that is not one of replies', async () => {
  const { ask, waiting } = await clock()

  await ask({ id: 'q', replyTo: 'clock.clock' })

  expect(waiting('clock.clock')).toBe(0)
})

test('I8 answers are bounded: the oldest are forgotten first', async () => {
  const { ask, runs } = await clock()

  for (let n = 0; n <= 1_000; n++) await ask({ id: `q${n}`, replyTo: 'reply.one' })
  await ask({ id: 'q1000', replyTo: 'reply.one' })
  const before = runs()
  await ask({ id: 'q0', replyTo: 'reply.one' })

  expect([before, runs()]).toEqual([1_001, 1_002])
})

test('I8 answers are bounded by their bytes too: those that do not fit in 16 MiB are forgotten, the oldest first', async () => {
  const { ask, runs } = await clock({ face: 'o'.repeat(1_000_000) })

  for (let n = 0; n < 17; n++) await ask({ id: `q${n}`, replyTo: 'reply.one' })
  await ask({ id: 'q1', replyTo: 'reply.one' })
  const before = runs()
  await ask({ id: 'q0', replyTo: 'reply.one' })

  expect([before, runs()]).toEqual([17, 18])
})
