import { createServer, type Server } from 'node:net'
import { describe, expect, test } from 'vitest'
import { bed, channelOf, drivers, eventually, listen, message, send, strangers } from './bed.js'

describe('the connection to kafka', () => {
  const { channel, party } = bed()

  test.each(drivers)('S4 a broker that is away is tried again and again, and not writable meanwhile, through %s', async (_, driver) => {
    const one = strangers({ brokers: [await deadAddress()], ...driver })
    const connected = one.transport.connect(one.host).catch((error: unknown) => error)

    await eventually(() => one.states.filter(({ kind }) => kind === 'lost').length >= 3)
    const { writable } = one.transport
    await one.transport.close(1_000)

    expect(writable).toBe(false)
    const [reason] = one.states.flatMap((state) => (state.kind === 'lost' ? [state.reason] : []))
    expect(reason).toContain('ECONNREFUSED')
    expect(one.states.filter(({ kind }) => kind === 'connecting').at(-1)?.reason).toBe(reason)
    expect(await connected).toMatchObject({ code: 'TRANSPORT_CLOSED' })
    expect(one.states.at(-1)?.kind).toBe('closed')
  })

  test.each(drivers)('S2 close ends a connect to a broker that takes the connection and never answers, through %s', async (_, driver) => {
    const silent = await listening()
    const one = strangers({ brokers: [`127.0.0.1:${portOf(silent)}`], ...driver })
    const connected = one.transport.connect(one.host).catch((error: unknown) => error)
    await eventually(() => one.states.some(({ kind }) => kind === 'connecting'))

    const from = performance.now()
    await one.transport.close(500)
    const tookMs = performance.now() - from
    silent.close()

    expect(await connected).toMatchObject({ code: 'TRANSPORT_CLOSED' })
    expect(tookMs).toBeLessThan(2_000)
  })

  test('D2 two apps in one process do not see each other', async () => {
    const [first, second] = [channel(), channel()]
    const [one, two] = [await party([channelOf(first)]), await party([channelOf(second)])]
    const [a, b] = [
      await listen(one, { kind: 'group', channel: first, group: 'billing', window: 10 }),
      await listen(two, { kind: 'group', channel: second, group: 'billing', window: 10 }),
    ]

    await send(one.transport, [message(first, 'one')])
    await send(two.transport, [message(second, 'two')])
    await eventually(() => a.received.length === 1 && b.received.length === 1)

    expect([a.texts(), b.texts()]).toEqual([['one'], ['two']])
  })

  test('K5 a handler that takes longer than the session keeps its partition', async () => {
    const name = channel()
    const one = await party([channelOf(name)], { options: { sessionTimeout: '6s' } })
    const inbox = await listen(one, { kind: 'group', channel: name, group: 'billing', window: 1 }, () => {})
    await send(
      one.transport,
      Array.from({ length: 5 }, (_, i) => message(name, `m${i}`)),
    )
    await eventually(() => inbox.received.length === 1)
    const heldSince = performance.now()

    // Two sessions of the broker have to pass while the window is full and the partition paused.
    await eventually(
      () => performance.now() - heldSince > 12_500,
      () => undefined,
      20_000,
    )
    inbox.received[0]?.settle('ack')
    await eventually(() => inbox.received.length === 2)

    expect(inbox.consumer.health()).toMatchObject({ attached: true, lateSettles: 0 })
    expect(one.states.filter(({ kind }) => kind === 'lost')).toEqual([])
  }, 40_000)
})

async function deadAddress(): Promise<string> {
  const server = await listening()
  const port = portOf(server)
  await new Promise((resolve) => server.close(resolve))

  return `127.0.0.1:${port}`
}

function listening(): Promise<Server> {
  const server = createServer((socket) => socket.on('error', () => {}))

  return new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve(server)))
}

function portOf(server: Server): number {
  const address = server.address()

  return typeof address === 'object' && address !== null ? address.port : 0
}
