import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { inspect } from 'node:util'
import { type App, type AppOptions, createApp, Event, Listener, RawListener, Service, unchecked } from '@waybill/core'
import { memory } from '@waybill/transport-memory'
import { type RabbitOptions, rabbitmq } from '@waybill/transport-rabbitmq'
import { type ChannelModel, connect } from 'amqplib'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { bed, channelOf, listen, message, send } from './bed.js'
import { type OwnNode, ownNode } from './own-node.js'

class OrderPlaced extends Event('order.placed', { channel: 'orders', key: 'number', payload: unchecked<{ readonly number: string }>() }) {}
class OrderPaid extends Event('order.paid', { channel: 'orders', payload: unchecked<{ readonly number: string }>() }) {}

@Service('billing')
class Billing {
  @Listener(OrderPlaced)
  take(): void {
    // Nobody asks what it did.
  }
}

class Unkeyed extends Event('order.placed', { channel: 'orders', payload: unchecked<{ readonly number: string }>() }) {}

@Service('billing')
class BillingUnkeyed {
  @Listener(Unkeyed)
  take(): void {
    // Nobody asks what it did.
  }
}

@Service('billing')
class BillingOfBefore {
  @Listener(OrderPlaced)
  take(): void {
    // Nobody asks what it did.
  }

  @Listener(OrderPaid)
  settle(): void {
    // Nobody asks what it did.
  }
}

@Service('archive')
class Archive {
  @RawListener('orders')
  keep(): void {
    // Nobody asks what it did.
  }
}

describe('the HTTP API of RabbitMQ', () => {
  const broker = bed()
  let node: OwnNode
  let bare: ChannelModel
  const apps: App[] = []
  beforeAll(async () => {
    node = await ownNode({ plugins: ['rabbitmq_management'], settings: ({ second }) => [`management.tcp.port = ${second}`, 'management.tcp.ip = 127.0.0.1'] })
    bare = await connect(node.url)
  }, 90_000)
  afterAll(async () => {
    await Promise.all(apps.map((app) => app.stop()))
    await bare.close()
    await node.close()
  })

  const managed = (more: RabbitOptions = {}): RabbitOptions => ({ url: node.url, management: { url: `http://127.0.0.1:${node.second}` }, ...more })
  const appOf = (namespace: string, services: AppOptions['services'], more: { readonly channels?: AppOptions['channels']; readonly transport?: RabbitOptions } = {}): App => {
    const app = createApp({ name: 'shop', namespace, services, channels: more.channels ?? {}, transport: rabbitmq(more.transport ?? managed()), signals: false, log: false })
    apps.push(app)

    return app
  }
  const hasRun = async (app: App): Promise<void> => {
    await app.start()
    await app.stop()
  }
  const queuesOf = async (namespace: string): Promise<string[]> => {
    const rows = (await node.ctl('-q', '--no-table-headers', 'list_queues', 'name')).split('\n').filter((name) => name.startsWith(namespace))

    return rows.map((name) => name.slice(namespace.length + 1)).sort()
  }

  test('an app that is as its broker has no difference and nothing unused', async () => {
    const app = appOf(broker.namespace(), [Billing])
    await app.start()

    expect([await app.topology.difference(), await app.topology.unused()]).toEqual([[], []])
  })

  test('S8 a start tells everything that differs, all arguments of all queues, in one error', async () => {
    const namespace = broker.namespace()
    await hasRun(appOf(namespace, [Billing], { channels: { orders: { queue: { arguments: { 'x-max-length': 10, 'x-message-ttl': 5_000 } } } } }))

    const refusal = await appOf(namespace, [Billing])
      .start()
      .catch((error: unknown) => error)

    expect(refusal).toMatchObject({ code: 'TOPOLOGY_DIFFERS', message: expect.stringContaining('4 things are not as the app states') })
    for (const queue of ['orders.billing', 'orders.billing.keyed.0']) {
      expect(String(refusal)).toContain(`queue "${namespace}.${queue}" exists in another shape: "x-max-length" expected none, found 10`)
      expect(String(refusal)).toContain(`queue "${namespace}.${queue}" exists in another shape: "x-message-ttl" expected none, found 5000`)
    }
  })

  test('the difference is known without a start: arguments, partitions, types of exchanges, and what is missing', async () => {
    const namespace = broker.namespace()
    await hasRun(appOf(namespace, [Billing], { channels: { orders: { partitions: 2 } } }))
    const app = appOf(namespace, [Billing], { channels: { orders: { partitions: 3, exchange: { type: 'topic' } } } })

    const found = (await app.topology.difference()).filter(({ thing }) => !thing.startsWith('binding'))

    expect(found).toEqual([
      { transport: 'rabbitmq', thing: `exchange "${namespace}.orders"`, part: 'type', expected: 'topic', found: 'direct' },
      { transport: 'rabbitmq', thing: `queue "${namespace}.orders.billing"`, part: 'partitions', expected: 3, found: 2 },
      { transport: 'rabbitmq', thing: `queue "${namespace}.orders.billing.keyed.2"`, part: 'existence', expected: true, found: undefined },
    ])
  })

  test('a user who only checks is told of bindings that are missing', async () => {
    const namespace = broker.namespace()
    await hasRun(appOf(namespace, [Billing]))
    const channel = await bare.createChannel()
    await channel.unbindQueue(`${namespace}.orders.billing`, `${namespace}.orders`, 'order.placed')
    await channel.close()

    const started = appOf(namespace, [Billing], { transport: managed({ declare: 'check' }) }).start()

    await expect(started).rejects.toMatchObject({
      code: 'TOPOLOGY_DIFFERS',
      message: expect.stringMatching(/binding of queue ".*orders\.billing" to exchange .* by "order\.placed" is missing/),
    })
  })

  test('what listeners left that are gone is told at the start, listed, and removed when somebody says so', async () => {
    const namespace = broker.namespace()
    await hasRun(appOf(namespace, [BillingOfBefore, Archive]))
    const lines: string[] = []
    const note = (line: string): void => void lines.push(line)
    const app = createApp({
      name: 'shop',
      namespace,
      services: [Billing],
      transport: rabbitmq(managed()),
      signals: false,
      log: { debug: note, info: note, warn: note, error: note },
    })
    apps.push(app)
    await app.start()

    const unused = await app.topology.unused()
    const tried = await app.topology.remove(unused, { dryRun: true })
    const before = await queuesOf(namespace)
    const removed = await app.topology.remove(unused)

    const things = [
      `binding of queue "${namespace}.orders.billing.keyed.0" to exchange "${namespace}.orders" by "order.paid.keyed"`,
      `binding of queue "${namespace}.orders.billing" to exchange "${namespace}.orders" by "order.paid"`,
      `queue "${namespace}.orders.archive"`,
      `queue "${namespace}.orders.archive.keyed.0"`,
    ]
    expect(unused.map(({ thing }) => thing).sort()).toEqual([...things].sort())
    for (const thing of things) expect(lines.join('\n')).toContain(thing)
    expect(tried.every(({ isRemoved }) => isRemoved)).toBe(true)
    expect(before).toContain('orders.archive.keyed.0')
    expect(removed.map(({ isRemoved, reason }) => [isRemoved, reason])).toEqual(unused.map(() => [true, undefined]))
    expect(await queuesOf(namespace)).toEqual(['orders.archive.dead', 'orders.billing', 'orders.billing.dead', 'orders.billing.keyed.0'])
    expect(await app.topology.unused()).toEqual([])
  })

  test('the keyed queues of a group whose messages lost their key are unused, and so is what counts them', async () => {
    const namespace = broker.namespace()
    await hasRun(appOf(namespace, [Billing], { channels: { orders: { partitions: 2 } } }))
    const app = appOf(namespace, [BillingUnkeyed])

    await app.topology.remove(await app.topology.unused())

    expect(await queuesOf(namespace)).toEqual(['orders.billing', 'orders.billing.dead'])
    await hasRun(appOf(namespace, [Billing], { channels: { orders: { partitions: 3 } } }))
  })

  test('a queue in which messages wait is kept, and goes on filling, unless it shall go with them', async () => {
    const namespace = broker.namespace()
    await hasRun(appOf(namespace, [Billing, Archive]))
    const app = appOf(namespace, [Billing])
    await app.start()
    await app.publish(new OrderPlaced({ number: 'a' }))

    const unused = await app.topology.unused()
    const full = unused.filter(({ messages }) => messages > 0)
    const kept = await app.topology.remove(full)
    await app.publish(new OrderPlaced({ number: 'b' }))
    const removed = await app.topology.remove(full, { withMessages: true })

    expect(full).toMatchObject([{ thing: `queue "${namespace}.orders.archive.keyed.0"`, messages: 1 }])
    expect(kept).toMatchObject([{ isRemoved: false, reason: expect.stringContaining('1 message waits in it') }])
    expect(removed).toMatchObject([{ isRemoved: true, messages: 2 }])
  })

  test('what the broker does not let go is kept and says why, and all else that was named goes', async () => {
    const namespace = broker.namespace()
    await hasRun(appOf(namespace, [Billing], { channels: { orders: { partitions: 2 } } }))
    const channel = await bare.createChannel()
    const { queue } = await channel.assertQueue('', { exclusive: true })
    await channel.bindQueue(queue, `${namespace}.orders.billing.keyed`, 'anything')
    const app = appOf(namespace, [BillingUnkeyed])
    const exchangeFirst = [...(await app.topology.unused())].sort((a, b) => a.kind.localeCompare(b.kind)).sort((a) => (a.kind === 'exchange' ? -1 : 1))

    const removals = await app.topology.remove(exchangeFirst)
    await channel.close()

    const { kind } = exchangeFirst[0] ?? {}
    expect(kind).toBe('exchange')
    expect(removals.length).toBeGreaterThan(2)
    expect(removals.filter(({ isRemoved }) => !isRemoved)).toMatchObject([
      { thing: `exchange "${namespace}.orders.billing.keyed"`, reason: expect.stringMatching(/RabbitMQ refuses: ".*in use/) },
    ])
    expect(await queuesOf(namespace)).toEqual(['orders.billing', 'orders.billing.dead'])
  })

  test('a binding with arguments is listed with them, and removed', async () => {
    const namespace = broker.namespace()
    const app = appOf(namespace, [Billing])
    await hasRun(app)
    const channel = await bare.createChannel()
    for (const [key, table] of Object.entries({
      'text.of': { 'x-of': 'eu' },
      'short.of': { 'x-of': 7 },
      'int.of': { 'x-of': { '!': 'int', value: 7 } },
      'long.of': { 'x-of': { '!': 'long', value: 7 } },
    }))
      await channel.bindQueue(`${namespace}.orders.billing`, `${namespace}.orders`, key, table)
    await channel.close()

    const unused = await app.topology.unused()
    const removals = await app.topology.remove(unused)

    expect(unused.map(({ thing }) => thing)).toContain(`binding of queue "${namespace}.orders.billing" to exchange "${namespace}.orders" by "text.of" with {"x-of":"eu"}`)
    expect(removals.map(({ isRemoved }) => isRemoved)).toEqual([true, true, true, true])
    expect(await app.topology.unused()).toEqual([])
  })

  test('a binding whose arguments cannot be written as they are is not said to be removed', async () => {
    const namespace = broker.namespace()
    const app = appOf(namespace, [Billing])
    await hasRun(app)
    const channel = await bare.createChannel()
    await channel.bindQueue(`${namespace}.orders.billing`, `${namespace}.orders`, 'of', { 'x-of': { '!': 'timestamp', value: 7 } })
    await channel.close()

    const removals = await app.topology.remove(await app.topology.unused())

    expect(removals).toMatchObject([{ isRemoved: false, reason: expect.stringContaining('types that the HTTP API does not tell') }])
  })

  test('a queue that another process takes from is not unused, and is kept if it was named all the same', async () => {
    const namespace = broker.namespace()
    await appOf(namespace, [Archive]).start()
    const app = appOf(namespace, [Billing])
    await app.start()
    const thing = `queue "${namespace}.orders.archive"`

    const removals = await app.topology.remove([{ transport: 'rabbitmq', thing }])

    expect(await app.topology.unused()).toEqual([])
    expect(removals).toEqual([{ transport: 'rabbitmq', thing, isRemoved: false, reason: 'it is gone, or in use', messages: 0 }])
  })

  test('while the HTTP API is away an app starts and works, and says that it does not know everything', async () => {
    const namespace = broker.namespace()
    const party = broker.stranger({ url: node.url, management: { url: 'http://127.0.0.1:1' } }, namespace)
    await party.transport.connect(party.host)
    await party.transport.declare({ channels: [channelOf('orders')], asks: false })
    const inbox = await listen(party)

    expect(await send(party, message('through'))).toEqual([{ kind: 'confirmed' }])

    expect(party.lines.join('\n')).toMatch(/unused at the broker is not known\. RabbitMQ's HTTP API at "127\.0\.0\.1:1" cannot be asked: .*ECONNREFUSED.*"management\.url"/)
    await inbox.consumer.stop()
  })

  test.each([
    ['a wrong password', { username: 'guest', password: 'planted-hunter2' }, 'ACCESS_REFUSED'],
    ['a function that throws', () => Promise.reject(new Error('the vault is closed')), 'MANAGEMENT_UNREACHABLE'],
  ])('%s is told by a code and the address, and no password stands anywhere', async (_what, credentials, code) => {
    const transport = rabbitmq(managed({ management: { url: `http://127.0.0.1:${node.second}`, credentials } }))
    const app = createApp({ name: 'shop', services: [Billing], transport, signals: false, log: false })

    const error = await app.topology.difference().catch((found: unknown) => found)

    expect(error).toMatchObject({ code, message: expect.stringContaining(`"127.0.0.1:${node.second}"`) })
    expect(inspect([app, transport, error], { depth: 10, showHidden: true })).not.toContain('hunter2')
  })

  test('a vhost that the HTTP API does not know, and a server that is none, are told', async () => {
    const server = createServer((_request, response) => response.end('<html>hello</html>')).listen(0, '127.0.0.1')
    await once(server, 'listening')
    const { port } = server.address() as AddressInfo
    const elsewhere = appOf(broker.namespace(), [Billing], { transport: managed({ vhost: 'nobody-made-this' }) })
    const wrong = appOf(broker.namespace(), [Billing], { transport: managed({ management: { url: `http://127.0.0.1:${port}/` } }) })

    await expect(elsewhere.topology.difference()).rejects.toMatchObject({ code: 'VHOST_REFUSED', message: expect.stringContaining('"nobody-made-this"') })
    await expect(wrong.topology.difference()).rejects.toMatchObject({ code: 'MANAGEMENT_UNREACHABLE', message: expect.stringContaining('answered 200 and no list of') })
    server.close()
  })

  test('without `management` what is to be looked at is refused with what to give, as on a transport that cannot look', async () => {
    const blind = appOf(broker.namespace(), [Billing], { transport: { url: node.url } })
    const other = createApp({ name: 'shop', services: [Billing], transport: memory(), signals: false, log: false })

    await expect(blind.topology.unused()).rejects.toMatchObject({ code: 'MANAGEMENT_NEEDED', message: expect.stringContaining('`management: { url:') })
    await expect(other.topology.difference()).rejects.toMatchObject({ code: 'TOPOLOGY_UNSEEN', message: expect.stringContaining('the transport "memory" cannot') })
  })

  test('every wrong option of it is a fault that shows no password', () => {
    const faults = (management: unknown, more: RabbitOptions = {}): string[] => rabbitmq({ ...more, management } as RabbitOptions).faults.map((fault) => fault.message)

    expect(faults('http://127.0.0.1:15672')).toEqual([expect.stringContaining('"management" takes { url, credentials, tls }')])
    expect(faults({ url: 'amqp://app:hunter2@rabbit', credential: {} })).toEqual([
      expect.stringContaining('Did you mean "credentials"?'),
      expect.stringMatching(/"management\.url" takes an url(?!.*hunter2)/),
    ])
    expect(faults({ url: 'http://rabbit:15672' }, { credentials: 'external' })).toEqual([expect.stringContaining('needs "credentials" { username, password } of its own')])
    expect(faults({ url: 'http://rabbit:15672', credentials: 'me' })).toEqual([expect.stringContaining('"management.credentials" takes { username, password }')])
    expect(faults({ url: 'http://%:hunter2@rabbit:15672' })).toEqual([expect.stringMatching(/"management\.url" takes an url(?!.*hunter2)/)])
  })
})
