import { Command, type Delivery, Listener, type Logger, type Middleware, Service } from '@waybill/core'
import { eventually } from '@waybill/testing'
import { expect, onTestFinished, test } from 'vitest'
import { z } from 'zod'
import { gate, startApp } from './on-memory.js'

class Work extends Command('work.do', { payload: z.object({ n: z.number() }) }) {}
class Kept extends Command('work.keep', { channel: 'work', key: 'of', payload: z.object({ n: z.number(), of: z.string() }) }) {}

const dead = { channel: 'work', group: 'worker' }
const silent: Logger = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined }
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

class Twice {
  readonly #times = 2

  async listen(_call: unknown, next: () => Promise<unknown>): Promise<void> {
    for (let time = 0; time < this.#times; time++) await next().catch(() => undefined)
  }
}

function counting(): { readonly Worker: new () => object; readonly runs: number[] } {
  const runs: number[] = []
  @Service('worker')
  class Worker {
    @Listener(Work)
    work({ n }: Work): void {
      runs.push(n)
    }
  }

  return { Worker, runs }
}

test('a middleware that calls next twice runs its listener once, and the message is a dead letter that names both', async () => {
  const { Worker, runs } = counting()
  const { app } = await startApp({ services: [Worker], middleware: [{ listen: (_call, next) => next() }, new Twice()] })

  await app.publish(new Work({ n: 1 }))
  await eventually(async () => (await app.deadLetters.list(dead)).length === 1)
  const [letter] = await app.deadLetters.list(dead)

  expect(letter).toMatchObject({ reason: 'NEXT_TWICE', attempts: 1 })
  expect(letter?.message).toContain('middleware[1] ("Twice") called `next` twice for Worker.work')
  expect(runs).toEqual([1])
})

test('a middleware that tries again what its listener threw makes a dead letter that tells of both', async () => {
  @Service('worker')
  class Worker {
    runs = 0

    @Listener(Work)
    work(): void {
      this.runs++
      throw new Error('no such item')
    }
  }
  const listen: Middleware['listen'] = (_call, next) => next().catch(() => next())
  const { app } = await startApp({ services: [Worker], middleware: [{ listen }] })

  await app.publish(new Work({ n: 1 }))
  await eventually(async () => (await app.deadLetters.list(dead)).length === 1)
  const [letter] = await app.deadLetters.list(dead)

  expect(letter?.reason).toBe('NEXT_TWICE')
  expect(letter?.error).toContain('no such item')
  expect(app.get(Worker).runs).toBe(1)
})

test('no item of a batch runs again where a middleware calls next twice', async () => {
  const batches: number[][] = []
  @Service('worker')
  class Worker {
    @Listener(Work, { batch: { size: 3, wait: '1s' } })
    work(all: readonly Work[]): void {
      batches.push(all.map(({ n }) => n))
    }
  }
  const { app } = await startApp({ services: [Worker], middleware: [new Twice()] })

  await app.publish([new Work({ n: 1 }), new Work({ n: 2 }), new Work({ n: 3 })])
  await eventually(async () => (await app.deadLetters.list(dead)).length === 3)

  expect(batches).toEqual([[1, 2, 3]])
})

test('a listener does not run where next is called after its middleware has ended, and the log says whose', async () => {
  const { opened, open } = gate()
  const seen = unhandled()
  const lines: string[] = []
  const { Worker, runs } = counting()
  const listen: Middleware['listen'] = async (_call, next) => {
    const later = async (): Promise<void> => {
      await opened
      void next()
    }
    void later()
  }
  const { app, broker } = await startApp({ services: [Worker], middleware: [{ listen }], log: { ...silent, error: (line) => void lines.push(line) } })

  await app.publish(new Work({ n: 1 }))
  await eventually(() => app.health().consumers.every(({ running }) => running === 0) && broker.queues().every(({ waiting, unsettled }) => waiting + unsettled === 0))
  open()
  await eventually(() => lines.length === 1)

  expect(lines[0]).toMatch(/^middleware\[0\] called `next` for Worker\.work with the message "[^"]+" after it had ended itself, so nothing was done\./)
  expect(runs).toEqual([])
  expect(seen).toEqual([])
})

test('a listener does not run beside its own next try where its middleware calls next after its time', async () => {
  const { opened, open } = gate()
  const attempts: number[] = []
  const refused: unknown[] = []
  @Service('worker')
  class Worker {
    @Listener(Work, { timeout: '20ms', retry: { attempts: 2, backoff: ['1ms'] } })
    work(_work: Work, { attempt }: Delivery): void {
      attempts.push(attempt)
    }
  }
  const listen: Middleware['listen'] = async ({ delivery }, next) => {
    if (delivery.attempt === 1) await opened
    await next().catch((error: unknown) => void refused.push(error))
  }
  const { app } = await startApp({ services: [Worker], middleware: [{ listen }] })

  await app.publish(new Work({ n: 1 }))
  await eventually(() => attempts.length === 1)
  open()
  await eventually(() => refused.length === 1)

  expect(attempts).toEqual([2])
  expect(refused).toMatchObject([{ code: 'NEXT_LATE' }])
})

test('a publish whose middleware calls next twice sends its message once, and says so', async () => {
  const { Worker, runs } = counting()
  const publish: Middleware['publish'] = async (_call, next) => {
    await next()
    await next().catch(() => undefined)
  }
  const { app } = await startApp({ services: [Worker], middleware: [{ publish }] })

  await expect(app.publish(new Work({ n: 1 }))).rejects.toMatchObject({ code: 'NEXT_TWICE', message: expect.stringContaining('the publish of "work.do"') })
  await eventually(() => runs.length > 0)

  expect(runs).toEqual([1])
})

test('a middleware that is an instance of a class keeps what it holds', async () => {
  class Counted {
    readonly #seen: string[] = []

    get seen(): readonly string[] {
      return this.#seen
    }

    async listen({ listener }: { readonly listener: string }, next: () => Promise<unknown>): Promise<unknown> {
      this.#seen.push(listener)
      return next()
    }

    async publish(_call: unknown, next: () => Promise<void>): Promise<void> {
      this.#seen.push('publish')
      return next()
    }
  }
  const counted = new Counted()
  const { Worker, runs } = counting()
  const { app } = await startApp({ services: [Worker], middleware: [counted] })

  await app.publish(new Work({ n: 1 }))
  await eventually(() => runs.length === 1)

  expect(counted.seen).toEqual(['publish', 'Worker.work'])
})
