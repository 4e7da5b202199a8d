import { createApp, Event, Listener, type LogFields, Query, RawListener, Service } from '@waybill/core'
import { eventually } from '@waybill/testing'
import { memory, memoryBroker } from '@waybill/transport-memory'
import { expect, onTestFinished, test } from 'vitest'
import { z } from 'zod'
import { expectFault, faultsOf } from './fault-list.js'
import { startApp } from './on-memory.js'

const payload = z.object({ n: z.number() })

class Sold extends Event('sale.done', { channel: 'shop.sales', payload }) {}
class Noted extends Event('audit.noted', { channel: 'shop.audit', payload }) {}
class GetCount extends Query('audit.count', { channel: 'shop.audit', payload, reply: payload }) {}

test('several transports in one app: each channel lives on its own, with queries, retries and dead letters', async () => {
  const [first, second] = [memoryBroker(), memoryBroker()]
  @Service('desk')
  class Desk {
    sold: number[] = []
    noted: number[] = []

    @Listener(Sold)
    sale({ n }: Sold): void {
      this.sold.push(n)
    }

    @Listener(Noted, { retry: { attempts: 2, backoff: ['1ms'] } })
    note({ n }: Noted): void {
      this.noted.push(n)
      if (n === 13) throw new Error('no')
    }

    @Listener(GetCount)
    count(): { n: number } {
      return { n: this.noted.length }
    }
  }
  const transports = { queue: memory({ broker: first }), other: memory({ broker: second }) }
  const app = createApp({ name: 'shop', services: [Desk], signals: false, log: false, transports, channels: { 'shop.audit': { transport: 'other' } } })
  onTestFinished(() => app.stop())
  await app.start()

  await app.publish([new Sold({ n: 1 }), new Noted({ n: 2 }), new Noted({ n: 13 })])
  const of = { channel: 'shop.audit', group: 'desk' }
  await eventually(async () => (await app.deadLetters.list(of)).length === 1)
  await eventually(() => app.get(Desk).sold.length === 1)

  expect(await app.ask(new GetCount({ n: 0 }))).toEqual({ n: 3 })
  expect(app.health().connections.map(({ transport }) => transport)).toEqual(expect.arrayContaining(['queue', 'other']))
  expect(first.queues().map(({ name }) => name)).toEqual(expect.arrayContaining(['shop.sales.desk', 'shop.sales.desk.dead']))
  expect(second.queues().map(({ name }) => name)).toEqual(expect.arrayContaining(['shop.audit.desk', 'shop.audit.desk.dead']))
  expect(first.queues().some(({ name }) => name.startsWith('shop.audit'))).toBe(false)
})

test('an app with several transports is not ready while one of its brokers is away, and the other works on', async () => {
  const [first, second] = [memoryBroker(), memoryBroker()]
  const transports = { queue: memory({ broker: first }), other: memory({ broker: second }) }
  const app = createApp({ name: 'shop', services: [], signals: false, log: false, transports, channels: { 'shop.*': { transport: 'other' } } })
  onTestFinished(() => app.stop())
  await app.start()

  first.stop()
  await eventually(() => !app.health().ready)
  await app.publish(new Noted({ n: 1 }))

  expect(app.health().reasons.join()).toContain('queue')
})

test('what is said about a pattern of channels holds for each, and what is said about one wins, option by option', async () => {
  const warned: string[] = []
  const log = { debug: () => {}, info: () => {}, error: () => {}, warn: (text: string, _fields?: LogFields) => void warned.push(text) }
  @Service('desk')
  class Desk {
    @Listener(Sold) sale(): void {}
    @RawListener('shop.audit') note(): void {}
    @RawListener('news') hear(): void {}
  }
  const limit = (count: number) => ({ queue: { arguments: { 'x-max-length': count } } })
  const { app } = await startApp({
    services: [Desk],
    log,
    channels: { 'shop.sales': { partitions: 4 }, 'shop.*': { partitions: 2, ...limit(7) }, '#': limit(9), 'ship.*': { partitions: 2 } },
  })

  const options = Object.fromEntries(app.topology.channels.map(({ name, options: found }) => [name, found]))
  expect(options).toEqual({ 'shop.sales': { partitions: 4, ...limit(7) }, 'shop.audit': { partitions: 2, ...limit(7) }, news: limit(9) })
  expect(warned).toEqual([expect.stringContaining('"ship.*"')])
})

test('two channels under one name are refused, also where one of them says nothing', () => {
  @Service('desk')
  class Desk {
    @Listener(Sold) sale(): void {}
  }

  expectFault(faultsOf({ channels: { a: { name: 'x' }, b: { name: 'x' } } }), 'CHANNEL_NAME', 'The channels "a" and "b" would both be called "x"')
  expectFault(faultsOf({ services: [Desk], channels: { a: { name: 'shop.sales' } } }), 'CHANNEL_NAME', '"a" and "shop.sales" would both be called "shop.sales"')
  expect(faultsOf({ channels: { a: { name: 'b' }, b: { name: 'a' } } })).toEqual([])
})

test('a binding that would bring a message with a key twice is refused, and one of others is fine', () => {
  class Moved extends Event('stock.moved', { key: 'n', payload }) {}
  @Service('desk')
  class Desk {
    @Listener(Moved) move(): void {}
  }
  const faults = (binding: string) => faultsOf({ services: [Desk], channels: { stock: { queue: { bindings: [binding] } } } })

  expectFault(faults('stock.#'), 'CHANNEL_OPTIONS', '"stock.#" would bring "stock.moved" twice')
  expect(faults('partner.*')).toEqual([])
})

test('a long name of a channel counts for the length of its queues', () => {
  @Service('g'.repeat(40))
  class Desk {
    @Listener(Sold) sale(): void {}
  }

  expectFault(faultsOf({ services: [Desk], namespace: 'n'.repeat(100), channels: { 'shop.sales': { name: 'c'.repeat(100) } } }), 'NAME_LENGTH', 'found 242')
})

test('nonsense in a channel is a fault, never an exception', () => {
  for (const nonsense of [Symbol('x'), Object.create(null), () => 1, [], 7n])
    expect(faultsOf({ channels: { a: { name: nonsense, transport: nonsense, queue: nonsense }, '#': { queue: { bindings: nonsense } } } }).length).toBeGreaterThan(2)
})

test.each([
  [{ 'shop.**': {} }, 'CHANNEL_NAME', '"shop.**"'],
  [{ 'Shop.*': {} }, 'CHANNEL_NAME', '"Shop.any"'],
  [{ 'shop.*': { name: 'x' } }, 'CHANNEL_OPTIONS', 'is a pattern of channels'],
  [{ 'shop.*': { existing: { queue: 'x' } } }, 'CHANNEL_OPTIONS', 'is a pattern of channels'],
  [{ shop: { name: 'x.dead' } }, 'CHANNEL_NAME', '`name`: "x.dead" cannot name a channel'],
  [{ shop: { name: 5 } }, 'CHANNEL_NAME', 'found 5'],
  [{ shop: { name: 'x', existing: { topic: 'y' } } }, 'CHANNEL_OPTIONS', 'State one of them'],
  [{ shop: { queue: { bindings: [] } } }, 'CHANNEL_OPTIONS', 'is a list of routing keys'],
  [{ shop: { queue: { bindings: 'order.*' } } }, 'CHANNEL_OPTIONS', 'found "order.*"'],
  [{ shop: { queue: { bindings: [''] } } }, 'CHANNEL_OPTIONS', '1 to 255 bytes'],
])('the channels %j are refused', (channels, code, says) => {
  expectFault(faultsOf({ channels }), code, says)
})
