import { Command, Listener, type ManualDelivery, Retry, Service } from '@waybill/core'
import { eventually } from '@waybill/testing'
import { expect, test } from 'vitest'
import { z } from 'zod'
import { startApp } from './on-memory.js'

class Work extends Command('work.do', { payload: z.object({ n: z.number() }) }) {}

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
  const note = (text: string): void => void lines.push(text)
  const { app } = await startApp({ services: [Worker], log: { debug: note, info: note, warn: note, error: note } })

  await app.publish(new Work({ n: 1 }))
  await eventually(async () => (await app.deadLetters.list(dead)).length === 1)

  expect(lines).toContain('Worker.work asked for another try, try 1 of 2; again in 1 ms: it settled by retry.')
  expect((await app.deadLetters.list(dead))[0]?.message).toMatch(/^Worker\.work did not settle its message within 20 ms\. .*calls ack, retry or deadLetter/)
})
