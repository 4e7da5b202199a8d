import { type ConfigError, createApp, DeadLetter, Event, Listener, type LogFields, logContext, Service } from '@waybill/core'
import { eventually } from '@waybill/testing'
import { memory } from '@waybill/transport-memory'
import { expect, test } from 'vitest'
import { z } from 'zod'
import { startApp } from './on-memory.js'

const payload = z.object({ orderId: z.string(), card: z.string(), email: z.string(), pin: z.string(), total: z.number(), lines: z.array(z.string()), note: z.string() })

class Paid extends Event('paid', {
  payload,
  logged: {
    orderId: 'shown',
    total: 'shown',
    card: 'last4',
    pin: 'last4',
    email: 'hashed',
    lines: 'shown',
    note: (text) => {
      if (text === 'throw') throw new Error('no')

      return text.toUpperCase()
    },
  },
}) {}
class Refunded extends Event('refunded', { payload }) {}

const order = { orderId: 'o-1', card: '4000123412341234', email: 'ada@example.org', pin: '1234', total: 5, lines: ['secret lamp'], note: 'throw' }
const logged = {
  'payload.orderId': 'o-1',
  'payload.total': '5',
  'payload.card': '…1234',
  'payload.pin': '…',
  'payload.email': 'cfe00dde46ef',
  'payload.note': '…',
}

interface Line {
  readonly text: string
  readonly fields: LogFields
}

/** A till that fails with everything, and what was logged of it; what its own code would log as well. */
async function till(): Promise<{ readonly publish: (message: Paid | Refunded) => Promise<void>; readonly lines: Line[]; readonly contexts: LogFields[] }> {
  const lines: Line[] = []
  const contexts: LogFields[] = []
  @Service('till')
  class Till {
    @Listener([Paid, Refunded], { retry: { attempts: 2, backoff: ['1ms'] } })
    take({ note }: Paid | Refunded): void {
      contexts.push(logContext())
      throw note === 'dead' ? new DeadLetter('no such order') : new Error('no till')
    }
  }
  const note = (text: string, fields: LogFields = {}): void => void lines.push({ text, fields })
  const { app } = await startApp({ services: [Till], log: { debug: note, info: note, warn: note, error: note } })

  return { publish: (message) => app.publish(message), lines, contexts }
}

test('of a payload a log line has the fields that its message names, each masked as it says', async () => {
  const { publish, lines, contexts } = await till()

  await publish(new Paid(order))
  await eventually(() => lines.some(({ text }) => text.includes('gave up')))

  const [failed, dead] = ['failed, try 1', 'gave up'].map((part) => lines.find(({ text }) => text.includes(part))?.fields)
  expect(failed).toEqual({
    ...logged,
    messageName: 'paid',
    id: expect.any(String),
    key: undefined,
    channel: 'paid',
    group: 'till',
    correlationId: failed?.['id'],
    traceId: undefined,
  })
  expect(dead).toMatchObject({ ...logged, code: 'FAILED' })
  expect(contexts[0]).toMatchObject({ ...logged, listener: 'Till.take' })
  expect(JSON.stringify([lines, contexts])).not.toMatch(/ada@|secret|4000/)
})

test('without that, no line has anything of a payload', async () => {
  const { publish, lines, contexts } = await till()

  await publish(new Refunded({ ...order, note: 'dead' }))
  await eventually(() => lines.some(({ text }) => text.includes('gave up')))

  expect(JSON.stringify([lines, contexts])).not.toMatch(/payload|o-1|ada@|secret|1234/)
})

test('a mask that does not exist is told at start, and the one that was meant', async () => {
  const Odd = Event('odd', { payload, logged: { orderId: 'show', ...({ card: 4 } as object) } as never })
  @Service('odd')
  class Odds {
    @Listener(Odd)
    take(): void {}
  }
  const app = createApp({ name: 'odds', services: [Odds], transport: memory(), signals: false, log: false })

  const error = (await app.start().catch((problem: unknown) => problem)) as ConfigError

  expect(error.faults).toEqual([
    { code: 'LOGGED', message: 'Event "odd": `logged.orderId` is shown, hashed, last4 or a function; found "show". Did you mean "shown"?' },
    { code: 'LOGGED', message: 'Event "odd": `logged.card` is shown, hashed, last4 or a function; found 4.' },
  ])
})
