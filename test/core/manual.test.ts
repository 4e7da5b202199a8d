import { Command, Event, Listener, type Logger, type ManualDelivery, type Middleware, type Publish, Publisher, Retry, Service } from '@waybill/core'
import { eventually } from '@waybill/testing'
import type { MemoryBroker } from '@waybill/transport-memory'
import { expect, test } from 'vitest'
import { z } from 'zod'
import { gate, startApp } from './on-memory.js'

class Work extends Command('work.do', { payload: z.object({ n: z.number() }) }) {}

function collectInto(lines: string[]): Logger {
  const note = (text: string): void => void lines.push(text)

  return { debug: note, info: note, warn: note, error: note }
}

function isSettled(broker: MemoryBroker): boolean {
  return broker.queues().every(({ waiting, unsettled }) => waiting + unsettled === 0)
}

const dead = { channel: 'work', group: 'worker' }

test.each<unknown>([undefined, new Error('no such item'), 7])('C2 a manual dead letter with %s for a reason is kept as a dead letter', async (reason) => {
  @Service('worker')
  class Worker {
    @Listener(Work, { settle: 'manual' })
    on(_work: Work, delivery: ManualDelivery): void {
      Reflect.apply(delivery.deadLetter, delivery, [reason])
    }
  }
  const { app } = await startApp({ services: [Worker] })

  await app.publish(new Work({ n: 1 }))
  await eventually(async () => (await app.deadLetters.list(dead)).length === 1)
  const [letter] = await app.deadLetters.list(dead)

  expect(letter?.reason).toBe('DEAD_LETTER')
})

test('a try after a time that is none is refused where it is asked for', () => {
  expect(() => new Retry({ after: 'soon' as '1s' })).toThrow('new Retry')
})

test('a message that is settled by hand is told about in the words of that: asked for again, or never settled', async () => {
  @Service('worker')
  class Worker {
    @Listener(Work, { settle: 'manual', timeout: '20ms', retry: { attempts: 2, backoff: ['1ms'] } })
    work(_work: Work, delivery: ManualDelivery): void {
      if (delivery.attempt === 1) delivery.retry({ after: '1ms' })
    }
  }
  const lines: string[] = []
  const { app } = await startApp({ services: [Worker], log: collectInto(lines) })

  await app.publish(new Work({ n: 1 }))
  await eventually(async () => (await app.deadLetters.list(dead)).length === 1)

  expect(lines).toContain('Worker.work asked for another try, try 1 of 2; again in 1 ms: it settled by retry.')
  expect((await app.deadLetters.list(dead))[0]?.message).toMatch(/^Worker\.work did not settle its message within 20 ms\. .*calls ack, retry or deadLetter/)
})

test('a message that was acked by hand stays so when its listener throws afterwards, and what was thrown is logged with its cause', async () => {
  class Done extends Event('work.done', { payload: z.object({ n: z.number() }) }) {}
  const done: number[] = []
  @Service('worker')
  class Worker {
    runs = 0

    constructor(@Publisher(Done) private readonly tell: Publish<Done>) {}

    @Listener(Work, { settle: 'manual', retry: { attempts: 2, backoff: ['1ms'] } })
    async work({ n }: Work, delivery: ManualDelivery): Promise<void> {
      this.runs++
      await this.tell({ n })
      delivery.ack()
      throw new Error('no clean-up', { cause: new Error('the disk is full') })
    }

    @Listener(Done)
    note({ n }: Done): void {
      done.push(n)
    }
  }
  const lines: string[] = []
  const { app, broker } = await startApp({ services: [Worker], log: collectInto(lines) })

  await app.publish(new Work({ n: 1 }))
  await eventually(() => done.length > 0 && isSettled(broker))

  expect(app.get(Worker).runs).toBe(1)
  expect(done).toEqual([1])
  expect(lines.find((line) => line.includes('Worker.work'))).toMatch(
    /threw after it had settled its message, which stays acked: Error: no clean-up, caused by Error: the disk is full/,
  )
})

test('a message that was made a dead letter by hand is one with that reason, whatever its listener throws afterwards', async () => {
  @Service('worker')
  class Worker {
    @Listener(Work, { settle: 'manual', retry: { attempts: 2, backoff: ['1ms'] } })
    work(_work: Work, delivery: ManualDelivery): void {
      delivery.deadLetter('nobody wants it')
      throw new Error('no clean-up')
    }
  }
  const { app } = await startApp({ services: [Worker] })

  await app.publish(new Work({ n: 1 }))
  await eventually(async () => (await app.deadLetters.list(dead)).length === 1)

  expect((await app.deadLetters.list(dead))[0]).toMatchObject({ reason: 'DEAD_LETTER', message: 'nobody wants it', attempts: 1 })
})

test('C2 a listener that settles by hand and then hangs is told about as one that settled, and its message stays so', async () => {
  @Service('worker')
  class Worker {
    runs = 0

    @Listener(Work, { settle: 'manual', timeout: '20ms', retry: { attempts: 2, backoff: ['1ms'] } })
    work(_work: Work, delivery: ManualDelivery): Promise<void> {
      this.runs++
      delivery.ack()

      return new Promise(() => undefined)
    }
  }
  const lines: string[] = []
  const { app, broker } = await startApp({ services: [Worker], log: collectInto(lines) })

  await app.publish(new Work({ n: 1 }))
  await eventually(() => lines.some((line) => line.includes('Worker.work')) && isSettled(broker))
  const line = lines.find((text) => text.includes('Worker.work'))

  expect(line).toMatch(/^Worker\.work had settled its message, which stays acked, when its time was over: .*did not finish within 20 ms/)
  expect(line).not.toMatch(/threw|Settle last/)
  expect(app.get(Worker).runs).toBe(1)
})

test('C2 a listener that settles by hand when its time is over changes nothing, and the log says so', async () => {
  const { opened, open } = gate()
  @Service('worker')
  class Worker {
    runs = 0

    @Listener(Work, { settle: 'manual', timeout: '20ms', retry: { attempts: 2, backoff: ['1ms'] } })
    async work(_work: Work, delivery: ManualDelivery): Promise<void> {
      if (++this.runs === 2) return delivery.ack()
      await opened
      delivery.deadLetter('too late')
      delivery.ack()
    }
  }
  const lines: string[] = []
  const { app, broker } = await startApp({ services: [Worker], log: collectInto(lines) })

  await app.publish(new Work({ n: 1 }))
  await eventually(() => app.get(Worker).runs === 2 && isSettled(broker))
  open()
  await eventually(() => lines.some((line) => line.includes('wanted')))

  expect(lines.filter((line) => line.includes('wanted'))).toEqual([
    'Worker.work wanted its message a dead letter after the try had ended, so that changed nothing. Settle before the method throws and within its time, which is 20 ms, or give it a longer "timeout".',
  ])
  expect(await app.deadLetters.list(dead)).toEqual([])
})

test('C2 a message that was acked by hand stays so when its listener then hangs in a publish, and the log says that this is not sent', async () => {
  class Done extends Event('work.done', { payload: z.object({ n: z.number() }) }) {}
  @Service('worker')
  class Worker {
    runs = 0

    constructor(@Publisher(Done) private readonly tell: Publish<Done>) {}

    @Listener(Work, { settle: 'manual', timeout: '20ms', retry: { attempts: 2, backoff: ['1ms'] } })
    async work({ n }: Work, delivery: ManualDelivery): Promise<void> {
      this.runs++
      delivery.ack()
      await this.tell({ n })
    }
  }
  const lines: string[] = []
  const hangs: Middleware = { publish: ({ messages }, next) => (messages[0] instanceof Done ? new Promise(() => undefined) : next()) }
  const { app, broker } = await startApp({ services: [Worker], log: collectInto(lines), middleware: [hangs] })

  await app.publish(new Work({ n: 1 }))
  await eventually(() => lines.some((line) => line.includes('Worker.work')) && isSettled(broker))

  expect(lines.filter((line) => line.includes('Worker.work'))).toEqual([expect.stringMatching(/which stays acked, .* A publish of its own was still under way and is not sent\.$/)])
  expect(app.get(Worker).runs).toBe(1)
})
