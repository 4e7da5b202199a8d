import { Command, Event, Listener, Publisher, Query, RawListener, Service } from '@waybill/core'
import * as v from 'valibot'
import { expect, test } from 'vitest'
import { z } from 'zod'
import { decorate, expectCodes, expectFault, faultsOf } from './fault-list.js'

const payload = z.object({ id: z.string() })
class Placed extends Event('order.placed', { channel: 'orders', payload }) {}
class Keyed extends Event('order.numbered', { channel: 'orders', key: 'id', payload }) {}
class Reserve extends Command('stock.reserve', { payload }) {}
class GetStock extends Query('stock.get', { payload, reply: payload }) {}

/** A service with one method, `on`, under that decorator, whatever types say. */
function serviceOf(decorator: unknown, name = 'billing'): new () => object {
  class Billing {
    on(): void {}
  }
  decorate(decorator, Billing.prototype, 'on', Object.getOwnPropertyDescriptor(Billing.prototype, 'on'))
  Service(name)(Billing)

  return Billing
}

const listener = Listener as (...args: unknown[]) => unknown

test('options that are null are refused, as every other that is no object', () => {
  expectFault(faultsOf({ services: [serviceOf(listener(Placed, null))] }), 'LISTENER_OPTIONS', 'Billing.on: its options are an object; found null.')
  expectFault(faultsOf({ services: [serviceOf(RawListener('orders', null as never))] }), 'LISTENER_OPTIONS', 'Billing.on: its options are an object; found null.')
})

test('D1 two listeners of one group for one message are refused', () => {
  @Service('billing')
  class Invoices {
    @Listener(Placed) onOrder(): void {}
  }
  @Service('ledger')
  class Ledger {
    @Listener([Keyed, Placed], { group: 'billing' }) onOrder(): void {}
  }

  const faults = faultsOf({ services: [Invoices, Ledger] })

  expectCodes(faults, 'DUPLICATE_LISTENER')
  expectFault(faults, 'DUPLICATE_LISTENER', 'take "order.placed" (channel "orders") in group "billing": Invoices.onOrder and Ledger.onOrder', 'another group')
})

test('two raw listeners of one group on one channel are refused', () => {
  @Service('billing')
  class Invoices {
    @RawListener('warehouse') one(): void {}
    @RawListener('warehouse') two(): void {}
  }

  expectFault(faultsOf({ services: [Invoices] }), 'DUPLICATE_LISTENER', 'raw listeners on channel "warehouse" in group "billing": Invoices.one and Invoices.two')
})

test('one message in two groups is fine for an event', () => {
  expect(faultsOf({ services: [serviceOf(Listener(Placed), 'one'), serviceOf(Listener(Placed), 'two')] })).toEqual([])
})

test.each([
  ['command', Reserve, 'does a command'],
  ['query', GetStock, 'answers a query'],
])('two groups for one %s are refused', (kind, type, says) => {
  const faults = faultsOf({ services: [serviceOf(listener(type), 'one'), serviceOf(listener(type), 'two')] })

  expectCodes(faults, 'TWO_GROUPS')
  expectFault(faults, 'TWO_GROUPS', `Two groups take the ${kind}`, '"one" by Billing.on and "two" by Billing.on', says)
})

test('every group of a command is named, however many there are, and every listener of one group', () => {
  const faults = faultsOf({ services: ['one', 'two', 'three'].map((group) => serviceOf(Listener(Reserve), group)) })
  @Service('billing')
  class Invoices {
    @RawListener('warehouse') one(): void {}
    @RawListener('warehouse') two(): void {}
    @RawListener('warehouse') three(): void {}
  }

  expectFault(faults, 'TWO_GROUPS', '3 groups take the command', '"one" by Billing.on, "two" by Billing.on and "three" by Billing.on')
  expectFault(faultsOf({ services: [Invoices] }), 'DUPLICATE_LISTENER', '3 listeners are raw listeners', 'Invoices.one, Invoices.two and Invoices.three')
})

test('a listener of something that is no message is refused', () => {
  expectFault(faultsOf({ services: [serviceOf(listener(undefined))] }), 'NOT_A_MESSAGE', '@Listener on Billing.on', 'found undefined', 'import each other')
  expectFault(faultsOf({ services: [serviceOf(listener('order.placed'))] }), 'NOT_A_MESSAGE', 'found "order.placed"')
})

test('a listener of nothing is refused', () => {
  expectFault(faultsOf({ services: [serviceOf(listener([]))] }), 'LISTENER_EMPTY', '@Listener on Billing.on names no message')
})

test('a listener that names a message twice is refused', () => {
  expectFault(faultsOf({ services: [serviceOf(listener([Placed, Placed]))] }), 'DUPLICATE_LISTENER', 'Billing.on names "order.placed" twice')
})

test.each([
  ['several messages', listener([GetStock, Placed]), 'together with other messages'],
  ['batch', listener(GetStock, { batch: { size: 2 } }), 'with `batch`, so nobody would answer it'],
  ['manual settling', listener(GetStock, { settle: 'manual' }), "with `settle: 'manual'`"],
])('a listener of a query with %s is refused', (_name, decorator, says) => {
  expectFault(faultsOf({ services: [serviceOf(decorator)] }), 'QUERY_LISTENER', '@Listener on Billing.on takes the query "stock.get"', says)
})

test('a listener of a query that publishes what it returns is refused', () => {
  @Service('stock')
  class Stock {
    @Publisher(Placed) async get(): Promise<undefined> {
      return undefined
    }
  }
  decorate(listener(GetStock), Stock.prototype, 'get')

  expectFault(faultsOf({ services: [Stock] }), 'QUERY_LISTENER', 'Stock.get answers the query "stock.get" and has @Publisher')
})

test('several messages as a batch or settled by hand are refused', () => {
  expectFault(faultsOf({ services: [serviceOf(listener([Placed, Keyed], { batch: { size: 2 } }))] }), 'LISTENER_MODE', 'Billing.on takes 2 messages with `batch`')
  expectFault(faultsOf({ services: [serviceOf(listener([Placed, Keyed], { settle: 'manual' }))] }), 'LISTENER_MODE', 'a method of its own')
})

test('a raw listener with a rate by a field is refused, as nobody reads its payload', () => {
  const raw = RawListener as (...args: unknown[]) => unknown

  expectFault(faultsOf({ services: [serviceOf(raw('warehouse', { rate: { limit: 1, per: '1s', by: 'sku' } }))] }), 'RAW_LISTENER', '@RawListener on Billing.on has `rate.by`')
})

test('a raw listener as a batch is refused', () => {
  const raw = RawListener as (...args: unknown[]) => unknown

  expectFault(faultsOf({ services: [serviceOf(raw('warehouse', { batch: { size: 2 } }))] }), 'RAW_LISTENER', '@RawListener on Billing.on has `batch`')
  expectFault(faultsOf({ services: [serviceOf(raw('Ware House'))] }), 'CHANNEL_NAME', '@RawListener on Billing.on', 'found "Ware House"')
})

test('parking dead keys where there is no key is refused', () => {
  expect(faultsOf({ services: [serviceOf(Listener(Keyed, { deadKey: 'park' }))] })).toEqual([])
  expectFault(faultsOf({ services: [serviceOf(Listener(Placed, { deadKey: 'park' }))] }), 'DEAD_KEY', 'Billing.on', 'none of its messages has a key')
  expectFault(faultsOf({ services: [serviceOf(RawListener('warehouse', { deadKey: 'park' }))] }), 'DEAD_KEY', 'Billing.on')
  expectFault(faultsOf({ services: [serviceOf(listener(GetStock, { deadKey: 'park' }))] }), 'DEAD_KEY', 'a query has no dead letter')
})

test.each(['Billing', 'a.b', 'reply', 5])('the group %s is refused', (group) => {
  expectFault(faultsOf({ services: [serviceOf(listener(Placed, { group }))] }), 'GROUP_NAME', 'Billing.on', 'group')
})

test('the wrong options of a listener name it', () => {
  expectFault(faultsOf({ services: [serviceOf(listener(Placed, { timeout: '5 minutes' }))] }), 'DURATION', 'Billing.on: `timeout`', 'Did you mean "5m"?')
})

test('names that are too long together are refused', () => {
  class Long extends Event('long.seen', { channel: 'c'.repeat(100), payload }) {}

  expectFault(faultsOf({ namespace: 'n'.repeat(100), services: [serviceOf(Listener(Long), 'g'.repeat(80))] }), 'NAME_LENGTH', 'Billing.on', 'at most 235 characters; found 282')
})

test('the faults of a definition are reported once, wherever it is used', () => {
  class Wrong extends Event('Wrong', { payload, version: 0 }) {}

  expectCodes(
    faultsOf({ services: [serviceOf(Listener(Wrong), 'one'), serviceOf(Listener(Wrong), 'two')] }).filter(({ code }) => code !== 'CHANNEL_NAME'),
    'MESSAGE_NAME',
    'VERSION',
  )
})

test('a schema that always waits is refused', () => {
  class Waits extends Event('thing.waits', { payload: v.objectAsync({ id: v.string() }) as never }) {}

  expectFault(faultsOf({ services: [serviceOf(listener(Waits))] }), 'ASYNCHRONOUS_SCHEMA', 'The schema of "thing.waits" answers with a promise', 'use a synchronous schema')
})

test('two message classes of one name are refused', () => {
  class Other extends Event('order.placed', { channel: 'orders', payload }) {}

  const faults = faultsOf({ services: [serviceOf(Listener(Placed), 'one'), serviceOf(Listener(Other), 'two')] })

  expectCodes(faults, 'DUPLICATE_MESSAGE')
  expectFault(faults, 'DUPLICATE_MESSAGE', 'Two message classes are called "order.placed": Placed, used by Billing.on, and Other', 'another name', 'loaded twice')
})

test('two message classes of one foreign name are refused', () => {
  class One extends Event('one.seen', { foreign: { name: 'com.acme.Seen' }, payload }) {}
  class Two extends Event('two.seen', { foreign: { name: 'com.acme.Seen' }, payload }) {}

  expectFault(faultsOf({ services: [serviceOf(Listener(One), 'one'), serviceOf(Listener(Two), 'two')] }), 'DUPLICATE_MESSAGE', 'called "com.acme.Seen": One')
})

test('two classes of one definition are refused, because only one can be made of what comes in', () => {
  class Special extends Placed {}

  expectFault(faultsOf({ services: [serviceOf(Listener(Placed), 'one'), serviceOf(Listener(Special), 'two')] }), 'DUPLICATE_MESSAGE', 'One class extends the other')
})
