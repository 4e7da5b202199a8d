import { Event, Listener, observe, Service } from '@waybill/core'
import { eventually } from '@waybill/testing'
import { expect, onTestFinished, test } from 'vitest'
import { z } from 'zod'
import { startApp } from './on-memory.js'

class Placed extends Event('order.placed', { payload: z.object({ n: z.number() }) }) {}

@Service('billing')
class Billing {
  done = 0

  @Listener(Placed, { retry: { attempts: 2, backoff: ['1ms'] } })
  on({ n }: Placed): void {
    if (n < 0) throw new Error('no')
    this.done++
  }
}

test('F38 an observer that throws or rejects changes nothing for messages, and is a warning once', async () => {
  const warnings: string[] = []
  const warned = (warning: Error & { code?: string }): void => {
    if (warning.code === 'WAYBILL_OBSERVER') warnings.push(warning.message)
  }
  process.on('warning', warned)
  const fail = (): never => {
    throw new Error('no disk')
  }
  const end = observe({ publishing: fail, published: async () => fail(), processing: fail, processed: fail, retried: fail, deadLettered: fail, connection: fail })
  onTestFinished(() => {
    end()
    process.off('warning', warned)
  })
  const { app } = await startApp({ services: [Billing] })

  await app.publish([1, 2, -1].map((n) => new Placed({ n })))
  await eventually(async () => (await app.deadLetters.list({ channel: 'order', group: 'billing' })).length === 1)
  await eventually(() => warnings.length >= 7)

  expect(app.get(Billing).done).toBe(2)
  expect(warnings.filter((warning) => warning.includes('"processed"'))).toEqual(['The observer of "processed" failed, and messages go on: no disk'])
})

test('an observer hears what happens to each message, until it is ended', async () => {
  const heard: string[] = []
  const end = observe({
    published: ({ envelope, outcome }) => heard.push(`published ${envelope.type} ${outcome?.kind}`),
    processed: ({ listener, attempt, error }) => heard.push(`processed by ${listener} ${attempt} ${error === undefined}`),
    deadLettered: ({ reason }) => heard.push(`dead ${reason}`),
  })
  const { app } = await startApp({ services: [Billing] })

  await app.publish(new Placed({ n: -1 }))
  await eventually(() => heard.includes('dead FAILED'))
  end()
  await app.publish(new Placed({ n: 1 }))
  await eventually(() => app.get(Billing).done === 1)

  expect(heard).toEqual(['published order.placed confirmed', 'processed by Billing.on 1 false', 'processed by Billing.on 2 false', 'dead FAILED'])
})
