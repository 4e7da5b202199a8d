import { once } from 'node:events'
import { type AddressInfo, createServer } from 'node:net'
import { inspect } from 'node:util'
import { createApp } from '@waybill/core'
import { type RabbitOptions, rabbitmq } from '@waybill/transport-rabbitmq'
import { describe, expect, test } from 'vitest'
import { bed, url } from './bed.js'

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

  test('a number that AMQP cannot write, or that leaves no room, is a fault, and not tried again and again', () => {
    for (const [name, found] of [
      ['heartbeat', 'abc'],
      ['heartbeat', '-1'],
      ['heartbeat', '70000'],
      ['frameMax', '100'],
      ['frameMax', 'x'],
      ['channelMax', '1'],
    ] as const) {
      expect(faultsOf({ url: `amqp://rabbit?${name}=${found}` })).toEqual([expect.stringMatching(new RegExp(`"${name}" that takes a whole number from .*; found "${found}"`))])
    }
    expect(faultsOf({ heartbeat: '200d', connectTimeout: '60d' })).toHaveLength(2)
    expect(faultsOf({ url: 'amqp://rabbit?heartbeat=5&frameMax=8192&channelMax=100' })).toEqual([])
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
})
