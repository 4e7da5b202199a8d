import { createApp, Event, Listener, Service } from '@waybill/core'
import { kafka } from '@waybill/transport-kafka'
import { memory } from '@waybill/transport-memory'
import { rabbitmq } from '@waybill/transport-rabbitmq'
import { expect, test } from 'vitest'
import { z } from 'zod'
import { expectCodes, faultsOf } from './fault-list.js'

class Paid extends Event('billing.paid', { payload: z.object({ id: z.string() }) }) {}
class Moved extends Event('stock.moved', { payload: z.object({ id: z.string() }) }) {}

@Service('ledger')
class Ledger {
  @Listener(Paid) paid(): void {}
  @Listener(Moved) moved(): void {}
}

const forLogs = { billing: { log: { from: 'last' } }, stock: { existing: { topic: 'theirs' } } } as const
const forQueues = { billing: { queue: { type: 'quorum' } }, stock: { existing: { exchange: 'theirs' } } } as const

test.each([
  ['memory', memory(), forLogs, ['"log" of channel "billing"', '"existing.topic" of channel "stock"']],
  ['rabbitmq', rabbitmq({ url: 'amqp://127.0.0.1:9' }), forLogs, ['"log" of channel "billing"', '"existing.topic" of channel "stock"']],
  ['kafka', kafka({ brokers: ['127.0.0.1:9'] }), forQueues, ['"queue" of channel "billing"', '"existing.exchange" of channel "stock"']],
] as const)('what %s cannot honour is told before it is connected, with all other faults', async (_name, transport, channels, says) => {
  const app = createApp({ name: 'Not a name', services: [Ledger], transport, channels, signals: false, log: false })

  const refusal = app.start()

  await expect(refusal).rejects.toMatchObject({
    name: 'ConfigError',
    faults: [{ code: 'APP_NAME' }, ...says.map((text) => ({ code: 'UNSUPPORTED_OPTION', message: expect.stringContaining(`The option ${text} is for`) }))],
  })
})

test('of several transports each is asked about its own channels', () => {
  const transports = { first: memory(), log: kafka({ brokers: ['127.0.0.1:9'] }) }
  const several = { services: [Ledger], transport: undefined, transports }

  expect(faultsOf({ ...several, channels: { billing: { queue: { type: 'quorum' } }, stock: { transport: 'log', log: { from: 'last' } } } })).toEqual([])
  expectCodes(faultsOf({ ...several, channels: { '#': { queue: { type: 'quorum' } }, stock: { transport: 'log' } } }), 'UNSUPPORTED_OPTION')
})

test('a transport is not asked about options of the wrong shape', () => {
  expectCodes(faultsOf({ services: [Ledger], channels: { billing: { log: 5 } } }), 'CHANNEL_OPTIONS')
})

test('what has no `check`, `dead` or `depth` is no transport', () => {
  for (const missing of ['check', 'dead', 'depth']) {
    const half = new Proxy(memory(), { get: (target, name) => (name === missing ? undefined : Reflect.get(target, name, target)) })

    expectCodes(faultsOf({ transport: half }), 'TRANSPORT')
  }
})
