import { Event, InvalidMessage, Listener, Service } from '@waybill/core'
import { eventually } from '@waybill/testing'
import { type } from 'arktype'
import { expect, test } from 'vitest'
import { z } from 'zod'
import { jsonCodec } from '../../packages/core/src/codec.js'
import { deadLetterOf, envelopeFrom } from '../../packages/core/src/dead-letter.js'
import { defaultLimits } from '../../packages/core/src/limits.js'
import { startApp } from './on-memory.js'
import { enveloped, prefix, rawDelivery } from './raw-delivery.js'

class Numbers extends Event('numbers.drawn', { payload: z.object({ numbers: z.array(z.number()) }) }) {}

const death = {
  channel: 'orders',
  group: 'billing',
  listener: undefined,
  code: 'SCHEMA',
  message: 'why',
  error: undefined,
  attempts: 1,
  time: '2026-01-01T00:00:00.000Z',
  firstDeath: 'u-1',
}

test('a version that cannot even be converted to a number does not keep a message from its dead letter', () => {
  const hostile = Object.assign(Object.create(null) as Record<string, unknown>, { toString: 'x', valueOf: 'y' })
  const raw = rawDelivery({ headers: enveloped('order.placed', { [`${prefix}dataversion`]: hostile }) })

  expect(envelopeFrom(raw, 'm-1', death.time).dataVersion).toBe(1)
  expect(deadLetterOf(raw, 'm-1', death, defaultLimits).body).toBe(raw.body)
})

test('a body with a hundred thousand mistakes is refused in a few words', () => {
  const payload = { numbers: Array.from({ length: 100_000 }, () => 'x') } as unknown as { numbers: number[] }

  const refused = (() => {
    try {
      return new Numbers(payload)
    } catch (error) {
      return error
    }
  })()

  expect(refused).toBeInstanceOf(InvalidMessage)
  expect((refused as InvalidMessage).message).toMatch(/; and 99995 more\.$/)
  expect((refused as InvalidMessage).message.length).toBeLessThan(2_000)
  expect((refused as InvalidMessage).issues).toHaveLength(100_000)
})

test.each(['s3cret', '["s3cret",]', '{"a":"s3cret"'])('what is wrong with %s as JSON is said without showing it', (text) => {
  const reading = () => jsonCodec.decode(Buffer.from(text), 32)

  expect(reading).toThrow(/^Its text is no JSON( from position \d+ on)?\.$/)
})

test('no log line quotes a payload, also where the schema does', async () => {
  class Paid extends Event('paid.paid', { payload: type({ card: 'string.email' }) }) {}
  @Service('ledger')
  class Ledger {
    @Listener(Paid)
    note(): void {}
  }
  const lines: string[] = []
  const note = (text: string, fields?: object): void => void lines.push(text + JSON.stringify(fields))
  const { app, broker } = await startApp({ services: [Ledger], log: { debug: note, info: note, warn: note, error: note } })

  broker.send({
    exchange: 'paid',
    routingKey: 'paid.paid',
    body: '{"card":"SECRET-4111"}',
    contentType: 'application/json',
    headers: { cloudEvents_id: 'm-1', cloudEvents_type: 'paid.paid', cloudEvents_source: '/test' },
  })
  await eventually(async () => (await app.deadLetters.list({ channel: 'paid', group: 'ledger' })).length === 1)
  const [letter] = await app.deadLetters.list({ channel: 'paid', group: 'ledger' })

  expect(letter?.reason).toBe('SCHEMA')
  expect(lines.join('\n')).not.toContain('SECRET')
})

test('the line about a message whose listener made one that does not fit says which of the two is wrong', async () => {
  class Paid extends Event('paid.paid', { payload: type({ card: 'string.email' }) }) {}
  class Due extends Event('due.due', { payload: type({ id: 'string' }) }) {}
  @Service('ledger')
  class Ledger {
    @Listener(Due)
    note({ id }: Due): void {
      new Paid({ card: `SECRET-${id}` })
    }
  }
  const lines: string[] = []
  const note = (text: string): void => void lines.push(text)
  const { app } = await startApp({ services: [Ledger], log: { debug: note, info: note, warn: note, error: note } })

  await app.publish(new Due({ id: '1' }))
  await eventually(() => lines.some((line) => line.includes('gave up on a message')))

  expect(lines.filter((line) => line.includes('gave up'))).toEqual([expect.stringContaining('what its listener made of it does not fit a schema')])
  expect(lines.join('\n')).not.toContain('SECRET')
})
