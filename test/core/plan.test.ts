import { Command, Event, Listener, Publisher, Query, RawListener, Service, type Ask, type Publish } from '@waybill/core'
import { memory } from '@waybill/transport-memory'
import { expect, test } from 'vitest'
import { z } from 'zod'
import { readPlan } from '../../packages/core/src/read-plan.js'

const payload = z.object({ id: z.string() })
class Placed extends Event('order.placed', { channel: 'orders', key: 'id', payload, foreign: { name: 'com.acme.Placed' } }) {}
class Paid extends Event('payment.paid', { payload }) {}
class Reserve extends Command('stock.reserve', { payload }) {}
class GetStock extends Query('stock.get', { payload, reply: payload }) {}

@Service()
class Clock {
  constructor(@Publisher(Paid) readonly paid: Publish<Paid>) {}
}

@Service('stock')
class Stock {
  constructor(
    readonly clock: Clock,
    @Publisher(GetStock) readonly get: Ask<GetStock>,
  ) {}

  @Listener([Placed, Paid], { concurrency: 2 })
  @Publisher(Reserve)
  async both(): Promise<void> {}

  @Listener(Reserve, { settle: 'manual' }) reserve(): void {}
  @Listener(Placed, { group: 'stock-audit', batch: { size: 5 } }) audit(): void {}
  @RawListener('warehouse') raw(): void {}
}

const { plan, faults } = readPlan({ name: 'shop', services: [Stock], transport: memory() })

test('a right app has no faults', () => {
  expect(faults).toEqual([])
})

test('a method that takes messages of two channels is a listener on each', () => {
  const both = plan.listeners.filter(({ method }) => method === 'both')

  expect(both.map(({ channel, takes }) => ({ channel, takes }))).toEqual([
    { channel: 'orders', takes: [Placed] },
    { channel: 'payment', takes: [Paid] },
  ])
  expect(both[0]).toMatchObject({
    service: Stock,
    serviceName: 'stock',
    label: 'Stock.both',
    group: 'stock',
    returns: [Reserve],
    mode: 'single',
    options: { concurrency: { min: 2, max: 2 } },
  })
})

test('group, mode and what is raw are read from the options', () => {
  const listeners = plan.listeners.filter(({ method }) => method !== 'both')

  expect(listeners.map(({ label, channel, group, mode, takes }) => [label, channel, group, mode, takes === 'raw'])).toEqual([
    ['Stock.reserve', 'stock', 'stock', 'manual', false],
    ['Stock.audit', 'orders', 'stock-audit', 'batch', false],
    ['Stock.raw', 'warehouse', 'stock', 'single', true],
  ])
})

test('everything that is published is known, by whom, also by what is only injected', () => {
  expect(plan.published.map(({ definition, publisher }) => `${definition.name} by ${publisher}`)).toEqual([
    'stock.get by Stock.constructor',
    'stock.reserve by Stock.both',
    'payment.paid by Clock.constructor',
  ])
})

test('messages are found by their own name and by the one that others give them', () => {
  expect([...plan.messages.keys()].sort()).toEqual(['com.acme.Placed', 'order.placed', 'payment.paid', 'stock.get', 'stock.reserve'])
  expect(plan.messages.get('com.acme.Placed')).toBe(Placed)
})

test('the services of the app are known by class and name', () => {
  expect(plan.services).toEqual([{ type: Stock, name: 'stock' }])
})

test('a query that this app only asks needs no listener here', () => {
  @Service()
  class Asker {
    constructor(@Publisher(GetStock) readonly get: Ask<GetStock>) {}
  }

  expect(readPlan({ name: 'shop', services: [Asker], transport: memory() }).faults).toEqual([])
})

test('the name of a subclass is its own, so its listeners are a group of their own', () => {
  @Service('archive')
  class Archive extends Stock {}

  expect(readPlan({ name: 'shop', services: [Archive], transport: memory() }).plan.listeners[0]).toMatchObject({ service: Archive, label: 'Archive.both', group: 'archive' })
})
