import { readFileSync } from 'node:fs'
import { createServer, type AddressInfo } from 'node:net'
import { createApp, Event, Listener, Service } from '@waybill/core'
import { eventually, faultProxy, history, virtualRuntime } from '@waybill/testing'
import { memory } from '@waybill/transport-memory'
import { expect, onTestFinished, test } from 'vitest'
import { z } from 'zod'

class OrderPlaced extends Event('order.placed', { key: 'orderId', payload: z.object({ orderId: z.string(), place: z.number() }) }) {}

test('a network that fails on command', async () => {
  const server = createServer((socket) => socket.on('error', () => undefined).resume()).listen(0, '127.0.0.1')
  await eventually(() => server.listening)
  const broker = { host: '127.0.0.1', port: (server.address() as AddressInfo).port }
  onTestFinished(async () => void server.close())

  const proxy = await faultProxy({ to: broker, seed: 7 })

  proxy.latency(50, 20) // each way, 50 to 70 ms
  proxy.slice(1, 'down') // what the broker sends arrives byte by byte
  proxy.refuse() // no new connections,
  proxy.reset() // and the open ones are torn down
  await proxy.heal() // as if nothing had been, on the same port
  await proxy.close()

  expect(proxy.connections).toEqual({ count: 0, open: 0 })
})

test('what became of each message', async () => {
  const record = history()

  @Service('billing')
  class Billing {
    @Listener(OrderPlaced)
    take({ orderId, place }: OrderPlaced): void {
      record.processed({ id: `${orderId}/${place}`, group: 'billing', key: orderId, sequence: place })
    }
  }

  const app = createApp({ name: 'shop', services: [Billing], transport: memory(), signals: false, log: false })
  onTestFinished(() => app.stop())
  await app.start()

  for (let place = 0; place < 100; place++) {
    record.attempted(`o-1/${place}`)
    await app.publish(new OrderPlaced({ orderId: 'o-1', place }))
    record.confirmed(`o-1/${place}`)
  }

  await eventually(() => expect(record.check({ groups: ['billing'] }).lost).toEqual([]))
  const verdict = record.check({ groups: ['billing'] })
  expect(verdict.reordered, verdict.describe()).toEqual([])
})

test('an afternoon in a moment', async () => {
  const runtime = virtualRuntime(42)
  const tries: number[] = []

  @Service('billing')
  class Billing {
    @Listener(OrderPlaced, { retry: { attempts: 4, backoff: ['1m', '10m', '1h'] } })
    take(): void {
      tries.push(runtime.elapsed())
      throw new Error('not today')
    }
  }

  const app = createApp({ name: 'shop', services: [Billing], transport: memory(), runtime, signals: false, log: false })
  await app.start()
  await app.publish(new OrderPlaced({ orderId: 'o-1', place: 1 }))
  await runtime.advance('3h')

  expect(tries).toHaveLength(4)
  await app.stop()
  await runtime.advance(0)
  expect(runtime.pending()).toEqual({ timers: 0, jobs: 0 })
})

test('every line of the README is one that ran here', () => {
  const readme = readFileSync(new URL('../../packages/testing/README.md', import.meta.url), 'utf8')
  const suites = ['readme.test.ts', 'readme-harness.test.ts', 'saga-case.test.ts'].map((name) => readFileSync(new URL(name, import.meta.url), 'utf8'))
  const ran = new Set(suites.flatMap((suite) => suite.split('\n').map((line) => line.trim())))
  const [own = ''] = readme.split('## How to run the contract')

  const lines = [...own.matchAll(/```ts\n([\s\S]*?)```/g)].flatMap((block) => (block[1] ?? '').split('\n').map((line) => line.trim()))

  expect(lines.length).toBeGreaterThan(20)
  expect(lines.filter((line) => line !== '' && !ran.has(line))).toEqual([])
})
