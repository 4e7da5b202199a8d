import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { once } from 'node:events'
import { type AddressInfo, createServer } from 'node:net'
import { inspect } from 'node:util'
import { type ConnectionEvent, createApp, Event, Listener, Service, unchecked } from '@waybill/core'
import { eventually } from '@waybill/testing'
import { type RabbitOptions, rabbitmq } from '@waybill/transport-rabbitmq'
import { describe, expect, test } from 'vitest'
import { bed, channelOf, listen, url } from './bed.js'

const faultsOf = (options: RabbitOptions): string[] => rabbitmq(options).faults.map(({ message }) => message)

describe('the options of rabbitmq()', () => {
  const broker = bed()

  test('nothing at all is fine', () => {
    expect(rabbitmq().faults).toEqual([])
  })

  test('a mistyped option gets a suggestion, and all faults come at once', () => {
    const faults = faultsOf({ hartbeat: '10s', connectTimeout: 'soon', credentials: 'me' } as unknown as RabbitOptions)

    expect(faults).toHaveLength(3)
    expect(faults[0]).toContain('Did you mean "heartbeat"?')
    expect(faults[1]).toContain('"connectTimeout" takes a duration')
  })

  test('an url from a variable that is not set is a fault, and not the broker of this machine', () => {
    const faults = faultsOf({ url: undefined } as unknown as RabbitOptions)

    expect(faults).toHaveLength(1)
    expect(faults[0]).toContain('option "url" is given and undefined')
  })

  test('an url of another protocol, or with a parameter that nobody knows, is a fault', () => {
    expect(faultsOf({ url: 'http://rabbit' })[0]).toContain('expected amqp: or amqps:')
    expect(faultsOf({ url: 'amqp://rabbit?hartbeat=3' })[0]).toContain('"hartbeat"')
    expect(faultsOf({ url: 'amqp://rabbit', tls: {} })[0]).toContain('Use amqps:')
    expect(faultsOf({ url: [] })).toHaveLength(1)
  })

  test.each([
    ['heartbeat=abc', /has "abc" as "heartbeat"; expected 1 to 65535 seconds, or 0/],
    ['heartbeat=-5', /has "-5" as "heartbeat"/],
    ['heartbeat=', /has "" as "heartbeat"/],
    ['frameMax=1', /has "1" as "frameMax"; expected 8192 to \d+ bytes/],
    ['frameMax=100', /has "100" as "frameMax"/],
    ['channelMax=1', /has "1" as "channelMax"; expected 16 to 65535 channels/],
    ['channelMax=abc', /has "abc" as "channelMax"/],
    ['channelMax=1e9', /has "1e9" as "channelMax"/],
  ])('the parameter %s is one fault at start, with what is expected', (parameter, says) => {
    const faults = faultsOf({ url: `amqp://rabbit?${parameter}` })

    expect(faults).toEqual([expect.stringMatching(says)])
  })

  test('each wrong parameter is told, together with what is wrong elsewhere', () => {
    const faults = faultsOf({
      connectTimeout: 'soon',
      url: ['amqp://rabbit?heartbeat=30&frameMax=0&channelMax=16', 'amqp://rabbit:0?heartbeat=x&frameMax=7'],
    } as unknown as RabbitOptions)

    expect(faults).toEqual([
      expect.stringContaining('"connectTimeout"'),
      expect.stringContaining('"url" (number 2) names port 0'),
      expect.stringContaining('"heartbeat"'),
      expect.stringContaining('"frameMax"'),
    ])
  })

  test.each([
    [5, 'found 5.'],
    [[], 'found an empty list'],
    [{}, 'found an object'],
    [[5], 'found 5.'],
    ['rabbit', 'found "rabbit".'],
    ['', 'found "".'],
    ['amqp://app:hunter2@[not-a-host', 'found "amqp://…@[not-a-host".'],
    ['amqp://app:hunter2', 'found "amqp://app:…".'],
    ['amqp://app:hun ter2@host name', 'found "amqp://…@host name".'],
  ])('what is no url at all is named: %j', (found, says) => {
    expect(faultsOf({ url: found } as unknown as RabbitOptions)).toEqual([expect.stringContaining(says)])
  })

  test.each([
    [{ credentials: 'app:hunter2' }, 'found a text.'],
    [{ credentials: { username: 'app', password: undefined } }, 'found an object whose username is a string and whose password is missing.'],
    [{ credentials: { username: 'app', password: 22 } }, 'password is a number.'],
    [{ management: 'http://app:hunter2@host:15672' }, 'found "http://…@host:15672". Write management: { url: "http://127.0.0.1:15672" }.'],
    [{ management: { url: 'http://app:hunter2' } }, 'found "http://app:…".'],
    [{ management: { url: undefined } }, 'found undefined.'],
    [{ management: { url: 'http://host:15672', credentials: 'app:hunter2' } }, 'found a text.'],
  ])('what was found instead of a login or an address is said, and no password: %#', (options, says) => {
    const faults = faultsOf(options as unknown as RabbitOptions)

    expect(faults).toEqual([expect.stringContaining(says)])
    expect(faults.join()).not.toContain('hunter2')
  })

  test.each([
    [{ vhost: 5 }, 'option "vhost" takes the name of a vhost; found 5.'],
    [{ vhost: '' }, 'option "vhost" takes the name of a vhost; found "".'],
    [{ url: 'amqps://rabbit', tls: true }, 'option "tls" takes an object of options for tls.connect; found true.'],
    [{ socket: { host: 'elsewhere' } }, 'option "socket" has "host", which would be ignored: state it in "url".'],
    [{ socket: { timeout: 5 } }, 'option "socket" has "timeout", which would be ignored: state "connectTimeout".'],
    [{ socket: [] }, 'option "socket" takes an object of options for net.connect; found an array.'],
    [{ url: ['amqp://one/shop', 'amqp://two'] }, 'found "shop" and "/". Name the same in each, or give "vhost".'],
  ])('an option of another kind is one fault, and none is ignored: %#', (options, says) => {
    expect(faultsOf(options as unknown as RabbitOptions)).toEqual([expect.stringContaining(says)])
  })

  test('a connection whose channels are all in use refuses the start with the limit, instead of trying for ever', async () => {
    const narrow = new URL(url)
    narrow.searchParams.set('channelMax', '16')
    const namespace = broker.namespace()
    const stranger = broker.stranger({ url: narrow.href }, namespace)
    const channels = [channelOf('orders', { keyed: true, partitions: 16 })]
    broker.remember(namespace, channels)
    await stranger.transport.connect(stranger.host)
    await stranger.transport.declare({ channels, asks: false })

    await expect(listen(stranger)).rejects.toMatchObject({ code: 'CHANNEL_LIMIT', message: expect.stringContaining('All 16 channels') })
  })

  test('a duration that no timer and no handshake can keep is a fault', () => {
    expect(faultsOf({ heartbeat: '200d', connectTimeout: '60d' })).toHaveLength(2)
  })

  test('a function that does not answer is given up in the time for one try, and asked again', async () => {
    let asked = 0
    const login = { username: 'guest', password: 'guest' }
    const credentials = () => (asked++ === 0 ? new Promise<typeof login>(() => undefined) : Promise.resolve(login))
    const party = broker.stranger({ url, credentials, connectTimeout: '300ms' })

    await party.transport.connect(party.host)

    expect(party.states.map(({ reason }) => reason)).toContainEqual(expect.stringContaining('the function given as "credentials" has not answered within 300 ms'))
  })

  test('a transport closes at once while a function has not answered', async () => {
    const party = broker.stranger({ url, credentials: () => new Promise<never>(() => undefined), connectTimeout: '1h' })
    const connecting = party.transport.connect(party.host).catch((error: unknown) => error)

    await party.transport.close(5_000)

    expect(await connecting).toMatchObject({ code: 'CLOSED' })
  })

  test('no fault, error, state or inspection shows the password', async () => {
    const faulty = rabbitmq({ url: 'amqp://app:hunter2@[not-a-host' })
    const { host, port } = new URL(url)
    const refused = broker.stranger({ url: `amqp://app:hunter2@${host || `127.0.0.1:${port}`}` })

    const error = await refused.transport.connect(refused.host).catch((found: unknown) => found)

    expect(error).toMatchObject({ code: 'ACCESS_REFUSED' })
    const everything = inspect([faulty, faulty.faults, refused.transport, refused.states, refused.lines, error], { depth: 10, showHidden: true })
    expect(everything).not.toContain('hunter2')
  })

  test('a vhost that does not exist is refused by name, and not tried for ever', async () => {
    const stranger = broker.stranger({ url, vhost: 'nobody-made-this' })

    await expect(stranger.transport.connect(stranger.host)).rejects.toMatchObject({ code: 'VHOST_REFUSED', message: expect.stringContaining('"nobody-made-this"') })
  })

  test('a start with a deadline names the address of a broker that accepts and never answers, without its password', async () => {
    const silent = createServer((socket) => socket.on('error', () => undefined))
    await once(silent.listen(0, '127.0.0.1'), 'listening')
    const { port } = silent.address() as AddressInfo
    const app = createApp({ name: 'shop', services: [], transport: rabbitmq({ url: `amqp://app:hunter2@127.0.0.1:${port}` }), startDeadline: '300ms', signals: false, log: false })

    const error: unknown = await app.start().catch((found: unknown) => found)
    silent.close()

    expect(error).toMatchObject({ code: 'START_DEADLINE', message: expect.stringContaining(`"127.0.0.1:${port}"`) })
    expect(inspect(error)).not.toContain('hunter2')
  })

  test('the health of an app says once why none of its connections stands', async () => {
    const app = createApp({ name: 'shop', services: [], transport: rabbitmq({ url: 'amqp://127.0.0.1:1' }), signals: false, log: false })
    const started = app.start().catch((error: unknown) => error)

    await eventually(() => app.health().connections.filter(({ reason }) => reason?.includes('ECONNREFUSED')).length === 3)
    const { reasons } = app.health()
    await app.stop()
    await started

    expect(reasons).toEqual(['The app is starting.', expect.stringMatching(/^rabbitmq, publishing \w+, consuming \w+, administration \w+: .*ECONNREFUSED/)])
  })

  test('what somebody else says with a full stop ends with that one', async () => {
    const credentials = () => {
      throw new Error('The vault is sealed.')
    }
    const app = createApp({ name: 'shop', services: [], transport: rabbitmq({ url, credentials }), signals: false, log: false })
    const started = app.start().catch((error: unknown) => error)

    await eventually(() => app.health().reasons.some((reason) => reason.includes('vault')))
    const { reasons } = app.health()
    await app.stop()
    await started

    expect(reasons).toContainEqual(expect.stringMatching(/"credentials" failed: The vault is sealed\.$/))
  })

  test('a start with a deadline says so where the connections stand and the broker answers nothing more', async () => {
    const namespace = broker.namespace()
    const { host, port } = broker.proxy
    const standing = new Set<string>()
    const muted = (event: unknown): void => {
      const { kind, purpose } = event as ConnectionEvent
      if (kind === 'connected' && standing.add(purpose).size === 3) broker.proxy.blackHole('down')
    }
    subscribe('waybill:connection', muted)
    class Placed extends Event('orders.placed', { payload: unchecked<object>() }) {}
    @Service('billing')
    class Billing {
      @Listener(Placed)
      bill(): void {}
    }
    const transport = rabbitmq({ url: `amqp://guest:guest@${host}:${port}` })
    const app = createApp({ name: 'shop', namespace, services: [Billing], transport, startDeadline: '300ms', shutdown: '100ms', signals: false, log: false })

    const error: unknown = await app.start().catch((found: unknown) => found)
    unsubscribe('waybill:connection', muted)
    await broker.proxy.heal()

    expect(error).toMatchObject({ code: 'START_DEADLINE', message: expect.stringContaining('Its connections stand') })
  })
})
