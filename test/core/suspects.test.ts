import { type Delivery, Event, Listener, Service } from '@waybill/core'
import { type Harness, harness, virtualRuntime } from '@waybill/testing'
import { memoryBroker } from '@waybill/transport-memory'
import { expect, onTestFinished, test } from 'vitest'
import { z } from 'zod'
import { startApp } from './on-memory.js'

class Done extends Event('jobs.done', { payload: z.object({ n: z.number() }) }) {}
class Deadly extends Event('jobs.deadly', { channel: 'jobs', payload: z.object({ n: z.number() }) }) {}
class Step extends Event('steps.taken', { key: 'of', payload: z.object({ of: z.string(), n: z.number() }) }) {}

const of = { channel: 'jobs', group: 'worker' } as const

interface Lives {
  readonly jobs: Harness
  /** What was done, in each life. */
  readonly done: Set<number>
  /** The most at a time, in each life. */
  readonly most: number[]
}

/** A worker that takes 20 ms for each, and nine messages that waited before it came, the third of them deadly. */
async function filled(): Promise<Lives> {
  const done = new Set<number>()
  const most: number[] = []
  let running = 0
  @Service('worker')
  class Worker {
    constructor() {
      running = 0
      most.push(0)
    }
    @Listener(Done, { concurrency: 5 })
    async work({ n }: Done): Promise<void> {
      most.push(Math.max(most.pop() ?? 0, ++running))
      await jobs.sleep('20ms')
      running--
      done.add(n)
    }
    @Listener(Deadly)
    die({ n }: Deadly): void {
      done.add(n)
    }
  }
  const jobs = await harness({ services: [Worker] })
  onTestFinished(() => jobs.stop())
  jobs.faults.crash({ downFor: '1s' })
  for (let n = 0; n < 9; n++) await jobs.when(n === 2 ? new Deadly({ n }) : new Done({ n }))

  return { jobs, done, most }
}

function crashesOf({ journal }: Harness): number {
  return journal.filter((line) => line.includes('crashes')).length
}

test('R11 a message that kills the process is set aside after two deaths and three starts alone; the others are done', async () => {
  const { jobs, done } = await filled()
  for (let life = 0; life < 7; life++) jobs.faults.crash({ at: 'before listener', of: Deadly })

  await jobs.settled({ within: '10m' })
  const letters = await jobs.deadLetters('worker')

  expect(crashesOf(jobs)).toBe(1 + 5)
  expect(letters.map(({ name, reason, attempts }) => [name, reason, attempts])).toEqual([['jobs.deadly', 'KILLED_THE_PROCESS', 3]])
  expect([...done].sort()).toEqual([0, 1, 3, 4, 5, 6, 7, 8])
})

test('R11 a killer that was set aside and is redriven begins anew', async () => {
  const { jobs, done } = await filled()
  for (let life = 0; life < 5; life++) jobs.faults.crash({ at: 'before listener', of: Deadly })
  await jobs.settled({ within: '10m' })

  for (let life = 0; life < 4; life++) jobs.faults.crash({ at: 'before listener', of: Deadly })
  const redriven = jobs.app.deadLetters.redrive(of)
  await jobs.settled({ within: '10m' })
  await redriven

  expect(crashesOf(jobs)).toBe(1 + 5 + 4)
  expect(done.has(2)).toBe(true)
})

test('messages run side by side when they come for the second time, and one at a time from the third on', async () => {
  const { jobs, done, most } = await filled()
  for (let life = 0; life < 2; life++) jobs.faults.crash({ at: 'before listener', of: Deadly })

  await jobs.settled({ within: '10m' })

  expect(most.slice(-3)).toEqual([2, 2, 1])
  expect(done.size).toBe(9)
})

test('R11 a killer that fails first and kills at its second try is set aside too', async () => {
  let tries = 0
  @Service('worker')
  class Worker {
    @Listener(Done, { retry: { attempts: 3, backoff: ['1s'] } })
    work(_job: Done, { attempt }: Delivery): void {
      tries++
      if (attempt === 1) throw new Error('Not yet.')
      jobs.faults.crash()
    }
  }
  const jobs = await harness({ services: [Worker] })
  onTestFinished(() => jobs.stop())

  await jobs.when(new Done({ n: 1 }))
  await jobs.settled({ within: '10m' })
  const letters = await jobs.deadLetters('worker')

  expect(crashesOf(jobs)).toBe(5)
  expect(tries).toBe(10)
  expect(letters.map(({ reason, attempts }) => [reason, attempts])).toEqual([['KILLED_THE_PROCESS', 3]])
})

test('R11 a batch listener is killed by a message of its batch no longer than any other', async () => {
  const done = new Set<number>()
  @Service('worker')
  class Worker {
    @Listener(Done, { batch: { size: 4, wait: '10ms' } })
    work(batch: readonly Done[]): void {
      if (batch.some(({ n }) => n === 2)) return jobs.faults.crash()
      for (const { n } of batch) done.add(n)
    }
  }
  const jobs = await harness({ services: [Worker] })
  onTestFinished(() => jobs.stop())

  jobs.faults.crash({ downFor: '1s' })
  for (let n = 0; n < 6; n++) await jobs.when(new Done({ n }))
  await jobs.settled({ within: '10m' })
  const letters = await jobs.deadLetters('worker')

  expect(crashesOf(jobs)).toBe(1 + 5)
  expect(letters.map(({ body }) => Buffer.from(body).toString())).toEqual(['{"n":2}'])
  expect([...done].sort()).toEqual([0, 1, 3, 4, 5])
})

test('nobody is set aside by restarts: keyed messages outlive twelve of them, in their order', async () => {
  const runtime = virtualRuntime()
  const broker = memoryBroker({ runtime })
  const taken: Step[] = []
  @Service('worker')
  class Worker {
    @Listener(Step, { concurrency: 4 })
    async work(step: Step): Promise<void> {
      await new Promise<void>((resolve) => void runtime.after(20, resolve))
      taken.push(step)
    }
  }

  for (let life = 0; life < 12; life++) {
    const { app } = await startApp({ runtime, broker, services: [Worker] })
    if (life === 0) await app.publish(steps)
    await runtime.advance(50)
    const stopped = app.stop()
    await runtime.advance('1m')
    await stopped
  }
  const { app } = await startApp({ runtime, broker, services: [Worker] })
  await runtime.advance('1m')

  expect(await app.deadLetters.list({ channel: 'steps', group: 'worker' })).toEqual([])
  expect(taken).toHaveLength(200)
  expect(stepsByKey(taken)).toEqual(stepsByKey(steps))
})

test('nobody is set aside by lost connections: keyed messages outlive twelve of them, in their order', async () => {
  const runtime = virtualRuntime()
  const taken: Step[] = []
  @Service('worker')
  class Worker {
    @Listener(Step, { concurrency: 4 })
    async work(step: Step): Promise<void> {
      await new Promise<void>((resolve) => void runtime.after(20, resolve))
      const isAgain = taken.some(({ of, n }) => of === step.of && n === step.n)
      if (!isAgain) taken.push(step)
    }
  }
  const { app, broker } = await startApp({ runtime, services: [Worker] })

  await app.publish(steps)
  for (let cut = 0; cut < 12; cut++) {
    await runtime.advance(50)
    broker.disconnect()
    await runtime.advance(200)
  }
  await runtime.advance('1m')

  expect(await app.deadLetters.list({ channel: 'steps', group: 'worker' })).toEqual([])
  expect(stepsByKey(taken)).toEqual(stepsByKey(steps))
})

test('a keyed message is tried as often as stated, and no more, however often its connection is lost between two tries', async () => {
  const runtime = virtualRuntime()
  const tries: number[] = []
  @Service('worker')
  class Worker {
    @Listener(Step, { retry: { attempts: 4, backoff: ['1h'] } })
    work(_step: Step, { attempt }: Delivery): void {
      tries.push(attempt)
      throw new Error('Not today.')
    }
  }
  const { app, broker } = await startApp({ runtime, services: [Worker] })

  await app.publish(new Step({ of: 'a', n: 0 }))
  for (let cut = 0; cut < 8; cut++) {
    await runtime.advance('1m')
    broker.disconnect()
  }
  await runtime.advance('1m')
  const letters = await app.deadLetters.list({ channel: 'steps', group: 'worker' })

  expect(tries).toEqual([1, 2, 3, 4])
  expect(letters.map(({ reason, attempts }) => [reason, attempts])).toEqual([['FAILED', 4]])
})

test('a try that fails after its connection was lost counts as one', async () => {
  const runtime = virtualRuntime()
  const tries: number[] = []
  @Service('worker')
  class Worker {
    @Listener(Step, { retry: { attempts: 4, backoff: ['10ms'] } })
    async work(_step: Step, { attempt }: Delivery): Promise<void> {
      tries.push(attempt)
      await new Promise<void>((resolve) => void runtime.after(60_000, resolve))
      throw new Error('Not today.')
    }
  }
  const { app, broker } = await startApp({ runtime, services: [Worker] })

  await app.publish(new Step({ of: 'a', n: 0 }))
  await runtime.advance('10s')
  broker.disconnect()
  await runtime.advance('10m')
  const letters = await app.deadLetters.list({ channel: 'steps', group: 'worker' })

  expect(tries).toEqual([1, 2, 3, 4])
  expect(letters).toHaveLength(1)
})

const steps = Array.from({ length: 200 }, (_, n) => new Step({ of: `key${n % 10}`, n }))

function stepsByKey(found: readonly Step[]): Readonly<Record<string, readonly number[]>> {
  return Object.fromEntries(Array.from({ length: 10 }, (_, key) => [key, found.filter(({ n }) => n % 10 === key).map(({ n }) => n)]))
}
