import { type AppOptions, confirmed, createApp, Event, unchecked } from '@waybill/core'
import { rabbitmq } from '@waybill/transport-rabbitmq'
import { describe, expect, test } from 'vitest'
import { bed, billing, channelOf, dead, hasty, listen, message, proxied, send, soon, url } from './bed.js'

describe('publishing to RabbitMQ', () => {
  const broker = bed()

  test('P1 a mandatory message that nobody takes is unroutable, naming exchange and key', async () => {
    const namespace = broker.namespace()
    const party = await broker.party(namespace, [{ ...channelOf('orders'), groups: [] }])

    const [outcome] = await send(party, message('lost', { mandatory: true, key: 'a' }))

    expect(outcome).toMatchObject({ kind: 'unroutable', reason: expect.stringMatching(new RegExp(`"${namespace}.orders".*"order.placed.keyed.\\d+"`)) })
  })

  test('one id twice in flight: each gets its own outcome', async () => {
    const party = await broker.party(broker.namespace())
    const nowhere = { ...message('lost', { id: 'same', mandatory: true }).envelope, type: 'nobody.takes' }

    const outcomes = await send(party, message('kept', { id: 'same', mandatory: true }), { ...message('lost', { mandatory: true }), envelope: nowhere })

    expect(outcomes.map(({ kind }) => kind)).toEqual(['confirmed', 'unroutable'])
  })

  test('P15 one of a thousand that cannot be written is rejected alone', async () => {
    const party = await broker.party(broker.namespace())
    const batch = Array.from({ length: 1_000 }, (_, n) => message(String(n), n === 500 ? { headers: { large: 'x'.repeat(70_000) } } : {}))

    const outcomes = await send(party, ...batch)

    expect(outcomes.findIndex(({ kind }) => kind === 'rejected')).toBe(500)
    expect(outcomes.filter((outcome) => outcome === confirmed)).toHaveLength(999)
  })

  test('P7 when too much is unconfirmed, nothing is lost or sent twice, and it says when it goes on', async () => {
    const party = await broker.party(broker.namespace())
    const inbox = await listen(party, { window: 1_000 })
    let calls = 0
    party.transport.onWritable(() => calls++)

    const outcomes = send(party, ...Array.from({ length: 5_000 }, (_, n) => message(String(n))))
    const wasWritable = party.transport.writable

    expect(wasWritable).toBe(false)
    expect((await outcomes).every(({ kind }) => kind === 'confirmed')).toBe(true)
    await soon(() => party.transport.writable && calls > 0)
    await soon(() => inbox.got.length >= 5_000, { within: 15_000 })
    expect(new Set(inbox.texts()).size).toBe(inbox.got.length)
  })

  test('P7 when the buffer of the driver is full, it takes no more, and says when it goes on', async () => {
    const party = await broker.party(broker.namespace())
    let calls = 0
    party.transport.onWritable(() => calls++)

    // Headers that are no text go the driver's way, one by one.
    const outcomes = send(party, ...Array.from({ length: 2_500 }, (_, n) => message(String(n), { headers: { n } })))
    const wasWritable = party.transport.writable

    expect(wasWritable).toBe(false)
    expect((await outcomes).every(({ kind }) => kind === 'confirmed')).toBe(true)
    await soon(() => party.transport.writable && calls > 0)
  })

  test('P12 when the connection breaks, every publish that is under way settles', async () => {
    const party = await broker.party(broker.namespace())

    const outcomes = send(party, ...Array.from({ length: 500 }, (_, n) => message(String(n))))
    broker.proxy.reset()

    expect(await outcomes).toHaveLength(500)
  })

  test('P13 over a slow link 200 publishes wait for each other as little as one', async () => {
    const party = await broker.party(broker.namespace())
    broker.proxy.latency(100)

    const started = performance.now()
    const outcomes = await send(party, ...Array.from({ length: 200 }, (_, n) => message(String(n))))
    const took = performance.now() - started
    broker.proxy.latency(0)

    expect(outcomes.every(({ kind }) => kind === 'confirmed')).toBe(true)
    expect(took).toBeLessThan(200 * 20)
  })

  test('a priority is refused where the queues of its channel have none, and taken where they have', async () => {
    const [plain, ordered] = [broker.namespace(), broker.namespace()]
    class Placed extends Event('order.placed', { channel: 'orders', payload: unchecked<object>() }) {}
    const published = async (namespace: string, channels: NonNullable<AppOptions['channels']>): Promise<unknown> => {
      broker.remember(namespace, [{ ...channelOf('orders'), groups: [] }])
      const app = createApp({ name: 'shop', namespace, services: [], transport: rabbitmq({ url }), channels, signals: false, log: false })
      await app.start()
      const error: unknown = await app.publish(new Placed({}), { priority: 5 }).catch((found: unknown) => found)
      await app.stop()

      return error
    }

    expect(await published(plain, {})).toMatchObject({ code: 'UNSUPPORTED_OPTION', message: expect.stringContaining("'x-max-priority': 9") })
    expect(await published(ordered, { orders: { queue: { type: 'classic', arguments: { 'x-max-priority': 9 } } } })).toBeUndefined()
  })

  test('B16 a reply goes to nothing but an address of direct reply-to', async () => {
    const namespace = broker.namespace()
    const party = await broker.party(namespace)

    const [outcome] = await send(party, message('forged', { to: { kind: 'reply', address: `${namespace}.orders.billing` } }))

    expect(outcome).toMatchObject({ kind: 'rejected' })
  })

  test('a header by which the broker would route copies is refused, and taken off a message that is moved', async () => {
    const party = await broker.party(broker.namespace())

    const outcomes = await send(party, message('copied', { headers: { CC: 'orders' } }), message('moved', { to: dead, headers: { CC: ['orders'], mine: 1 } }))

    expect(outcomes.map(({ kind }) => kind)).toEqual(['rejected', 'confirmed'])
    expect((await party.transport.dead.list(billing, 1))[0]?.headers).toMatchObject({ mine: 1 })
  })

  test('a dead letter with more headers than fit is kept with those that matter', async () => {
    const party = await broker.party(broker.namespace())

    const [outcome] = await send(party, message('heavy', { to: dead, headers: { heavy: 'x'.repeat(70_000), 'waybill-dead-reason': 'headers' } }))

    expect(outcome).toBe(confirmed)
    const [letter] = await party.transport.dead.list(billing, 1)
    expect(letter?.headers['waybill-dead-reason']).toBe('headers')
    expect(Buffer.from(letter?.body ?? []).toString()).toBe('heavy')
  })

  test('a destination that refuses one message after another gets another channel, the log says so, and every outcome is true', async () => {
    const namespace = broker.namespace()
    const channels = [channelOf('orders', { options: { queue: { arguments: { 'x-max-length': 1 } } } })]
    const party = broker.stranger(undefined, namespace)
    broker.remember(namespace, channels)
    await party.transport.connect({ ...party.host, runtime: hasty })
    await party.transport.declare({ channels, asks: false })
    const kinds: string[] = []

    await soon(async () => {
      for (const { kind } of await send(party, message('more'))) kinds.push(kind)

      return party.warnings.some((line) => line.includes('publishing channel is opened anew: the broker refused the last'))
    })
    await broker.channel.purgeQueue(`${namespace}.orders.billing`)
    await soon(() => party.transport.writable)

    expect(kinds.slice(-3)).toEqual(['rejected', 'rejected', 'rejected'])
    expect(await send(party, message('taken'))).toEqual([confirmed])
  })

  test('P5 a channel on which nothing is answered any more is replaced, and what was sent on it is unknown', async () => {
    const party = broker.stranger({ url: proxied(broker.proxy), heartbeat: '60s' }, broker.namespace())
    broker.remember(party.host.namespace ?? '', [channelOf('orders')])
    await party.transport.connect({ ...party.host, runtime: hasty })
    await party.transport.declare({ channels: [channelOf('orders')], asks: false })

    broker.proxy.drop('down')
    const outcomes = await send(party, message('unheard'))
    await broker.proxy.heal()

    expect(outcomes).toMatchObject([{ kind: 'unknown', reason: expect.stringContaining('has not answered a publish for') }])
    expect(party.warnings.join()).toContain('publishing channel is opened anew')
  })
})
