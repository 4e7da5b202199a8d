import { type App, type Outgoing, type PublishOutcome, type Transport } from '@waybill/core'
import { memory } from '@waybill/transport-memory'
import { expect, test } from 'vitest'
import { Audience, Booked } from './booked.js'
import { startedApp } from './started.js'

const refusals: Readonly<Record<string, PublishOutcome | undefined>> = {
  'takes messages and confirms none': undefined,
  'refuses all, as one whose queue is full': { kind: 'rejected', reason: 'The queue is full.' },
  'breaks the channel of each': { kind: 'unknown', reason: 'The channel was closed.' },
}

test.each(Object.entries(refusals))('O7 I6 a broker that %s parks nothing in an hour of it: all is sent when it works again', async (_, outcome) => {
  let isOff = true
  const { app, box, runtime } = await startedApp({ services: [Audience], transport: (of) => refusing(memory({ broker: of }), () => isOff, outcome) })

  await book(app, 20)
  await runtime.advance('1h')
  const during = (await box.status()).map(({ pending, parked }) => [pending, parked])
  isOff = false
  await runtime.advance('2m')

  const { heard } = app.get(Audience)
  expect(during).toEqual([[20, 0]])
  expect([...heard].sort((a, b) => a - b)).toEqual(Array.from({ length: 20 }, (_, n) => n))
  for (let key = 0; key < 3; key++) expect(heard.filter((n) => n % 3 === key)).toEqual([...heard].filter((n) => n % 3 === key).sort((a, b) => a - b))
})

test.each(Object.entries(refusals))('O6 where a broker takes others, a message that it never takes is parked with its key: one of which it %s', async (_, outcome) => {
  const { app, box, runtime } = await startedApp({ services: [Audience], transport: (of) => refusing(memory({ broker: of }), ({ envelope }) => envelope.id === 'm-4', outcome) })

  await book(app, 10)
  await runtime.advance('10m')
  await book(app, 20, 10)
  await runtime.advance('10m')

  const { heard } = app.get(Audience)
  expect([...heard].sort((a, b) => a - b)).toEqual([0, 1, 2, 3, 5, 6, 8, 9, 11, 12, 14, 15, 17, 18])
  expect((await box.parked()).map(({ id, code }) => [id, code === 'BEHIND'])).toEqual([
    ['m-4', false],
    ['m-7', true],
    ['m-10', true],
    ['m-13', true],
    ['m-16', true],
    ['m-19', true],
  ])
})

test('O6 a message that is all there is and that its broker answers with a refusal is parked', async () => {
  const { app, box, runtime } = await startedApp({ transport: (of) => refusing(memory({ broker: of }), () => true, refusals['refuses all, as one whose queue is full']) })

  await book(app, 1)
  await runtime.advance('10m')

  expect((await box.parked()).map(({ id, code }) => [id, code])).toEqual([['m-0', 'REJECTED']])
})

/** One after another, with keys in turn. */
async function book(app: App, to: number, from = 0): Promise<void> {
  for (let n = from; n < to; n++) await app.transaction(() => app.publish(new Booked({ key: `k${n % 3}`, n }), { id: `m-${n}` }))
}

/** The same transport, whose broker settles some messages with this outcome, or never. */
function refusing(inner: Transport, refuses: (message: Outgoing) => boolean, outcome: PublishOutcome | undefined): Transport {
  const publish: Transport['publish'] = (batch: readonly Outgoing[], settled) => {
    for (const [index, message] of batch.entries()) {
      if (!refuses(message)) inner.publish([message], (_, of) => settled(index, of))
      else if (outcome) settled(index, outcome)
    }
  }
  return new Proxy(inner, {
    get(target, name) {
      if (name === 'publish') return publish
      const found: unknown = Reflect.get(target, name, target)

      return typeof found === 'function' ? found.bind(target) : found
    },
  })
}
