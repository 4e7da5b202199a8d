import assert from 'node:assert/strict'
import { createApp, Event, type Fault, Listener, Service } from '@waybill/core'
import { memoryStore } from '@waybill/store-memory'
import { postgres } from '@waybill/store-postgres'
import { kafka } from '@waybill/transport-kafka'
import { memory } from '@waybill/transport-memory'
import { rabbitmq } from '@waybill/transport-rabbitmq'
import { expect, test } from 'vitest'
import { z } from 'zod'
import { readPlan } from '../../packages/core/src/read-plan.js'
import { expectCodes, expectFault, faultsOf } from './fault-list.js'

test.each([undefined, null, 5, 'shop', []])('createApp(%j) is one fault', (given) => {
  expect(readPlan(given as never).faults).toEqual([{ code: 'APP_OPTIONS', message: expect.stringContaining('createApp takes an object with name, services and transport') }])
})

test.each([
  ['Shop', 'found "Shop"'],
  ['my.shop', 'without dots'],
  ['retry', 'is reserved'],
  [undefined, 'found undefined'],
])('the app name %s is refused', (name, says) => {
  expectFault(faultsOf({ name }), 'APP_NAME', 'createApp, `name`', says)
})

test('a wrong namespace is refused', () => {
  expect(faultsOf({ namespace: 'acme.test' })).toEqual([])
  expectFault(faultsOf({ namespace: 'ACME' }), 'NAMESPACE', 'createApp, `namespace`', 'found "ACME"')
})

test('a mistyped option of the app gets a suggestion', () => {
  expectFault(faultsOf({ plugin: [] }), 'UNKNOWN_OPTION', 'createApp has no option "plugin"', 'Did you mean "plugins"?')
})

test('both transport and transports, and neither, are refused', () => {
  expectFault(faultsOf({ transports: { a: memory() } }), 'TRANSPORT', 'both `transport` and `transports`')
  expectFault(faultsOf({ transport: undefined }), 'TRANSPORT', 'neither `transport` nor `transports`', 'memory()')
})

test.each([
  [{ transport: memory }, 'found the function or class memory'],
  [{ transport: 'amqp://localhost' }, 'found "amqp://localhost"'],
  [{ transport: 'amqp://app:hunter2@host' }, 'found "amqp://…@host"'],
  [{ transport: 'amqp://app:hun ter2@host' }, 'found "amqp://…@host"'],
  [{ transport: '//app:hunter2@host' }, 'found "//…@host"'],
  [{ transport: 'app:hunter2@host' }, 'found "…@host"'],
  [{ transport: 'amqp://app:hunter2' }, 'found "amqp://app:…"'],
  [{ transport: 'amqp://host:5673/shop' }, 'found "amqp://host:5673/shop"'],
  [{ transport: undefined, transports: {} }, 'found an empty one'],
  [{ transport: undefined, transports: [] }, 'found an array'],
  [{ transport: undefined, transports: { queue: {} } }, '`transports.queue`'],
])('what is no transport is refused: %#', (options, says) => {
  expectFault(faultsOf(options), 'TRANSPORT', says)
})

test.each([
  [{ services: undefined }, '`services` is a list of classes'],
  [{ modules: {} }, '`modules` is a list of inversify ContainerModules'],
  [{ modules: [class {}] }, '`modules[0]`'],
  [{ middleware: [{ listens: () => undefined }] }, '`middleware[0]`'],
  [{ plugins: [() => undefined] }, '`plugins[0]`'],
  [{ plugins: [{}] }, '`plugins[0]` is one of a list of plugins, such as outbox(…); found an object without `name`.'],
  [{ plugins: [{ name: 5 }] }, 'found an object whose `name` is 5 and no text.'],
  [{ channels: [] }, '`channels` is an object'],
  [{ runtime: 5 }, '`runtime`'],
  [{ signals: true }, '`signals` is false or left out'],
  [{ log: { info: () => undefined } }, 'one without debug, warn, error'],
  [{ log: true }, '`log` is false or a logger'],
])('the wrong kind of option %# is refused', (options, says) => {
  expectFault(faultsOf(options), 'APP_OPTIONS', 'createApp', says)
})

test('a transport or a store among the plugins is told where it belongs', () => {
  expect(faultsOf({ plugins: [memory(), memoryStore()] })).toEqual([
    { code: 'APP_OPTIONS', message: expect.stringContaining('`plugins[0]` is one of a list of plugins, such as outbox(…); found the transport "memory": give it as `transport`.') },
    { code: 'APP_OPTIONS', message: expect.stringContaining('`plugins[1]` is one of a list of plugins, such as outbox(…); found the store "memory": give it to an outbox') },
  ])
})

test('a mistyped shutdown is refused', () => {
  expectFault(faultsOf({ shutdown: '10 seconds' }), 'DURATION', 'createApp: `shutdown`', 'Did you mean "10s"?')
})

test('a channel on a transport that the app does not have is refused', () => {
  const several = { transport: undefined, transports: { queue: memory(), log: memory() } }

  expect(faultsOf({ ...several, channels: { orders: { transport: 'log' } } })).toEqual([])
  expectFault(
    faultsOf({ ...several, channels: { orders: { transport: 'logs' } } }),
    'UNKNOWN_TRANSPORT',
    'Channel "orders": `transport` is one of "queue", "log"; found "logs"',
    'Did you mean "log"?',
  )
  expectFault(
    faultsOf({ channels: { orders: { transport: 'memory' } } }),
    'UNKNOWN_TRANSPORT',
    'this app has a single one without a name, `transport`; found "memory". Leave it out, or',
  )
})

test.each([0, 65, 1.5, '8'])('%s partitions are refused', (partitions) => {
  expectFault(faultsOf({ channels: { orders: { partitions } } }), 'NUMBER', 'Channel "orders": `partitions` is a whole number from 1 to 64')
})

test('a fallback without an outbox is refused', () => {
  const channels = { orders: { fallback: 'outbox' } }

  expect(faultsOf({ channels, plugins: [{ name: 'outbox' }] })).toEqual([])
  expectFault(faultsOf({ channels }), 'FALLBACK', 'Channel "orders"', 'no plugin "outbox"', 'Add outbox(…) to `plugins`')
})

test('a mistyped option of a channel gets a suggestion', () => {
  expectFault(faultsOf({ channels: { orders: { partition: 2 } } }), 'UNKNOWN_OPTION', 'Channel "orders" has no option "partition"', 'Did you mean "partitions"?')
  expectFault(faultsOf({ channels: { orders: { queue: { typ: 'classic' } } } }), 'UNKNOWN_OPTION', 'Channel "orders": `queue` has no option "typ"', 'Did you mean "type"?')
})

test('the wrong name of a channel is refused', () => {
  expectFault(faultsOf({ channels: { 'order.dead': {} } }), 'CHANNEL_NAME', 'Channel "order.dead"', 'is reserved')
})

test.each([
  [5, 'its options are an object'],
  [{ queue: 5 }, '`queue` is an object with type, arguments'],
  [{ queue: { type: 'mirrored' } }, '`queue.type` is "quorum" or "classic"'],
  [{ queue: { arguments: { 'x-a': {} } } }, '`queue.arguments["x-a"]` is a string or a number or a boolean'],
  [{ exchange: { type: 'fanout' } }, '`exchange.type` is "direct" or "topic"; found "fanout"'],
  [{ exchange: 'topic' }, '`exchange` is an object with type'],
  [{ log: { settings: { 'retention.ms': 5 } } }, '`log.settings["retention.ms"]` is a string; found 5'],
  [{ existing: { queue: '' } }, '`existing.queue` is a name that exists'],
  [{ fallback: 'memory' }, '`fallback` is "outbox" or left out'],
])('the channel options %j are refused', (options, says) => {
  expectFault(faultsOf({ channels: { orders: options } }), 'CHANNEL_OPTIONS', 'Channel "orders"', says)
})

const garbage = [null, 0, 1n, '', Symbol('s'), [], [null], Object.create(null), () => 1, class {}, new Map(), { a: { b: 1 } }, Promise.resolve()]

test.each(['name', 'namespace', 'services', 'transport', 'transports', 'channels', 'modules', 'middleware', 'plugins', 'shutdown', 'log', 'junk'])(
  'reading the plan never throws, whatever %s is',
  (option) => {
    for (const value of garbage) {
      expect(Array.isArray(faultsOf({ [option]: value }))).toBe(true)
      expect(faultsOf({ services: [value], channels: { a: value, b: { transport: value, partitions: value, queue: value, existing: value } } }).length).toBeGreaterThan(0)
    }
  },
)

test('everything that is wrong in an app is found at once', () => {
  class Wrong extends Event('Wrong', { payload: z.object({ id: z.string() }) }) {}
  class Unmarked {
    @Listener(Wrong, { group: 'a', timeout: '5x' as '5s' }) on(): void {}
  }
  @Service()
  class Nameless {
    @Listener(Wrong, { group: 'a' }) on(): void {}
  }

  const faults = faultsOf({ name: 'Shop', plugin: [], shutdown: 'soon', services: [Unmarked, Nameless], channels: { orders: { partitions: 0 } } })

  expectCodes(faults, 'APP_NAME', 'UNKNOWN_OPTION', 'DURATION', 'DURATION', 'NO_SERVICE', 'SERVICE_NAME', 'MESSAGE_NAME', 'DUPLICATE_LISTENER', 'NUMBER')
})

test.for([
  ['runtime', {}],
  ['middleware', 5],
  ['middleware', [null]],
  ['plugins', 5],
  ['plugins', [null]],
  ['modules', 4],
  ['modules', [{}]],
  ['transport', { name: 'half', connect() {}, declare() {}, publish() {}, subscribe() {}, close() {} }],
] as const)('createApp does not throw for a wrong %s, start says so and stop ends it', async ([option, wrong]) => {
  const app = createApp({ name: 'shop', services: [], transport: memory(), signals: false, log: false, [option]: wrong } as never)

  await expect(app.start()).rejects.toMatchObject({ faults: [{ message: expect.stringContaining(`\`${option}`) }] })
  await app.stop()
})

test('a transport among the plugins hides no other fault', async () => {
  const plugins = [memory() as never, { name: 'till', check: () => assert.fail('It looked.') }]
  const error: unknown = await createApp({ name: 'Ä', services: [], transport: memory(), plugins, signals: false, log: false })
    .start()
    .catch((found: unknown) => found)

  expect(error).toMatchObject({
    faults: [
      { code: 'APP_NAME' },
      { code: 'APP_OPTIONS', message: expect.stringContaining('give it as `transport`') },
      { code: 'PLUGIN', message: 'The plugin "till" could not check the app: It looked.' },
    ],
  })
})

test.each([
  ['rabbitmq()', rabbitmq as Factory],
  ['kafka()', kafka as Factory],
  ['memory()', memory as Factory],
  ['postgres()', postgres as Factory],
  ['memoryStore()', memoryStore as Factory],
])('%s of something else than options throws nothing, and shows no password', (name, factory) => {
  for (const given of [null, 5, 'amqp://app:hunter2@host']) {
    const messages = factory(given).faults.map(({ message }) => message)

    expect(messages).toContainEqual(expect.stringContaining(`${name} takes an object of options; found ${given === null || given === 5 ? given : '"amqp://…@host"'}`))
    expect(messages.join()).not.toContain('hunter2')
  }
})

test.each([
  ['an url', rabbitmq as Factory, 'amqp://app:hunter2@host', 'found "amqp://…@host". Write rabbitmq({ url: \'amqp://user:password@host'],
  ['an address', kafka as Factory, 'broker:9093', 'found "broker:9093". Write kafka({ brokers: [\''],
])('a transport that is given %s instead of options says once how to write it', (_what, factory, given, says) => {
  expect(factory(given).faults.map(({ message }) => message)).toEqual([expect.stringContaining(says)])
})

type Factory = (given: unknown) => { readonly faults: readonly Fault[] }
