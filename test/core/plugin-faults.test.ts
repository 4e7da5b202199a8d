import { memoryStore } from '@waybill/store-memory'
import { outbox } from '@waybill/outbox'
import { expect, test } from 'vitest'
import { expectCodes, expectFault, faultsOf } from './fault-list.js'

const nothing = (): void => undefined

test.each([
  ['a method that is nearly one', { name: 'till', start: nothing, opne: nothing }, '`plugins[0].opne` of the plugin "till" is never called. Did you mean "open"?'],
  ['no method that is called', { name: 'till', strat: nothing }, '`plugins[0].strat` of the plugin "till" is never called. Did you mean "start"?'],
  ['methods of other names alone', { name: 'till', launch: nothing }, '`plugins[0].launch` of the plugin "till" is never called. A plugin has name, faults'],
  ['a number for a method', { name: 'till', start: 5 }, '`plugins[0].start` of the plugin "till" is a function; found 5.'],
  ['a text for its faults', { name: 'till', faults: 'none' }, '`plugins[0].faults` of the plugin "till" is a list; found "none".'],
  ['a function for its middleware', { name: 'till', middleware: nothing }, '`plugins[0].middleware` of the plugin "till" is an object; found the function'],
])('a plugin with %s is refused', (_title, plugin, says) => {
  expectFault(faultsOf({ plugins: [plugin] }), 'APP_OPTIONS', 'createApp:', says)
})

test('a method that a class inherits and nobody calls is refused too', () => {
  class Base {
    readonly name = 'till'
    stopp(): void {}
  }
  class Till extends Base {}

  expectFault(faultsOf({ plugins: [new Till()] }), 'APP_OPTIONS', 'Did you mean "stop"?')
})

test('a plugin may have methods of its own', () => {
  class Till {
    readonly name = 'till'
    start(): void {}
    count(): void {}
  }

  expect(faultsOf({ plugins: [new Till(), { name: 'mark' }] })).toEqual([])
})

test('two plugins of one name are refused, wherever they stand', () => {
  const plugins = [
    { name: 'till', start: nothing },
    { name: 'other', start: nothing },
    { name: 'till', stop: nothing },
  ]

  expectFault(faultsOf({ plugins }), 'APP_OPTIONS', '`plugins[0]` and `plugins[2]` are both called "till"')
  expectCodes(faultsOf({ plugins: [outbox(memoryStore()), outbox(memoryStore())] }), 'SEVERAL_STORES')
})
