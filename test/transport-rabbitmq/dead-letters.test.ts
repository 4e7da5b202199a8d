import { header, type RawDelivery, systemRuntime } from '@waybill/core'
import { describe, expect, test } from 'vitest'
import { bed, billing, channelOf, dead, depth, message, type Party, send, soon } from './bed.js'

describe('dead letters on RabbitMQ', () => {
  const broker = bed()

  test('listing shows the oldest in their order, again and again, and removes nothing', async () => {
    const namespace = broker.namespace()
    const party = await broker.party(namespace)
    await send(party, ...['0', '1', '2', '3'].map((text) => message(text, { to: dead })))

    const looks = [await party.transport.dead.list(billing, 3), await party.transport.dead.list(billing, 3), await party.transport.dead.list(billing, 9)]

    expect(looks.map((letters) => letters.map(({ body }) => Buffer.from(body).toString()).join(''))).toEqual(['012', '012', '0123'])
    await soon(async () => (await depth(broker.connection, `${namespace}.orders.billing.dead`)).messages === 4)
  })

  test('two thousand dead letters are read in their order, as often as somebody looks', async () => {
    const party = await broker.party(broker.namespace())
    const texts = Array.from({ length: 2_000 }, (_, n) => String(n))
    await send(party, ...texts.map((text) => message(text, { to: dead })))

    const looks: string[][] = []
    for (const limit of [9_999, 1_000, 10, 10, 9_999]) looks.push((await party.transport.dead.list(billing, limit)).map(({ body }) => Buffer.from(body).toString()))

    expect(looks).toEqual([texts, texts.slice(0, 1_000), texts.slice(0, 10), texts.slice(0, 10), texts])
  })

  test('two thousand dead letters that are removed at once stay away', async () => {
    const namespace = broker.namespace()
    const party = await broker.party(namespace)
    await send(party, ...Array.from({ length: 2_000 }, (_, n) => message(String(n), { to: dead })))

    const removed = await party.transport.dead.take(billing, 1_990, async () => 'remove')

    expect(removed).toBe(1_990)
    expect((await party.transport.dead.list(billing, 99)).length).toBe(10)
  })

  test('what is kept stays in its order among two thousand of which some are removed', async () => {
    const party = await broker.party(broker.namespace())
    const texts = Array.from({ length: 2_000 }, (_, n) => String(n))
    await send(party, ...texts.map((text) => message(text, { to: dead })))
    const isThird = (letter: RawDelivery): boolean => Number(Buffer.from(letter.body).toString()) % 3 === 0

    const removed = await party.transport.dead.take(billing, 1_500, async (letter) => (isThird(letter) ? 'remove' : 'keep'))
    const left = (await party.transport.dead.list(billing, 9_999)).map(({ body }) => Buffer.from(body).toString())

    expect(removed).toBe(500)
    expect(left).toEqual(texts.filter((text) => Number(text) >= 1_500 || Number(text) % 3 !== 0))
  })

  test('no letter beyond the limit is in hand while those before it are decided on', async () => {
    const party = await broker.party(broker.namespace())
    const other = await broker.party(party.host.namespace as string)
    await send(party, ...Array.from({ length: 40 }, (_, n) => message(String(n), { to: dead })))
    const seen: number[] = []

    await party.transport.dead.take(billing, 30, async (letter) => {
      if (Buffer.from(letter.body).toString() === '29') seen.push((await depth(broker.connection, `${party.host.namespace}.orders.billing.dead`)).messages)

      return 'remove'
    })

    expect(seen).toEqual([10])
    expect((await other.transport.dead.list(billing, 99)).length).toBe(10)
  })

  test('who looks while another process has letters in hand for long sees the rest, and the log says so', async () => {
    const namespace = broker.namespace()
    const holder = await broker.party(namespace)
    const looker = broker.stranger(undefined, namespace)
    // Its seconds are short.
    const runtime = { ...systemRuntime, elapsed: () => systemRuntime.elapsed() * 1_000 }
    await looker.transport.connect({ ...looker.host, runtime })
    await send(holder, ...['0', '1', '2'].map((text) => message(text, { to: dead })))
    let letGo: (answer: 'keep') => void = () => undefined
    const decision = new Promise<'keep'>((resolve) => {
      letGo = resolve
    })

    const taking = holder.transport.dead.take(billing, 2, () => decision)
    await soon(async () => (await depth(broker.connection, `${namespace}.orders.billing.dead`)).messages === 1)
    const seen = await looker.transport.dead.list(billing, 9)
    letGo('keep')
    await taking

    expect(seen.map(({ body }) => Buffer.from(body).toString())).toEqual(['2'])
    expect(looker.warnings).toEqual([expect.stringContaining(`"${namespace}.orders.billing.dead" in hand`)])
  })

  test('two looks at once see the same', async () => {
    const party = await broker.party(broker.namespace())
    await send(party, message('0', { to: dead }), message('1', { to: dead }))

    const looks = await Promise.all([party.transport.dead.list(billing, 9), party.transport.dead.list(billing, 9)])

    expect(looks.map((letters) => letters.length)).toEqual([2, 2])
  })

  test('two processes that look at once see the same', async () => {
    const namespace = broker.namespace()
    const parties = [await broker.party(namespace), await broker.party(namespace), await broker.party(namespace)]
    await send(parties[0] as Party, ...Array.from({ length: 50 }, (_, n) => message(String(n), { to: dead })))

    const looks = await Promise.all(parties.map(({ transport }) => transport.dead.list(billing, 99)))

    expect(looks.map((letters) => letters.length)).toEqual([50, 50, 50])
  })

  test('a look that failed keeps nobody from the next', async () => {
    const namespace = broker.namespace()
    const [one, other] = [await broker.party(namespace), await broker.party(namespace)]
    await send(one, message('0', { to: dead }))
    const look = one.transport.dead.take(billing, 1, () => Promise.reject(new Error('I cannot decide.')))
    await expect(look).rejects.toThrow('I cannot decide.')
    await expect(one.transport.dead.list({ channel: 'orders', group: 'nobody' }, 1)).rejects.toThrow('nobody.dead')

    const since = performance.now()
    const seen = await other.transport.dead.list(billing, 9)
    await expect(other.transport.dead.list({ channel: 'orders', group: 'nobody' }, 1)).rejects.toThrow('nobody.dead')

    expect(seen.length).toBe(1)
    expect(performance.now() - since).toBeLessThan(5_000)
  })

  test('R12 a dead letter that the broker made itself is listed with what is known', async () => {
    const namespace = broker.namespace()
    const party = await broker.party(namespace)
    await send(party, message('late', { expiresMs: 1 }))

    await soon(async () => (await party.transport.dead.list(billing, 1)).length === 1)
    const [letter] = await party.transport.dead.list(billing, 1)

    expect(letter?.envelope.type).toBe('order.placed')
    expect(letter?.headers[header.deadReason]).toBe('broker-expired')
    expect(letter?.headers[header.deadMessage]).toContain(`"${namespace}.orders.billing"`)
    expect(JSON.parse(String(letter?.headers[header.deadOrigin]))).toEqual({ address: `${namespace}.orders.billing`, exchange: `${namespace}.orders`, routingKey: 'order.placed' })
  })

  test('R12 one that the broker gave up at the delivery limit is listed, with how often it came', async () => {
    const namespace = broker.namespace()
    const party = await broker.party(namespace)
    const givenUp = new Promise<void>((resolve) => {
      let deliveries = 0
      const again = (delivery: RawDelivery): void => {
        if (++deliveries > 1_000) resolve()
        delivery.settle('return')
      }
      void party.transport.subscribe({ kind: 'group', ...billing, window: 1 }, (batch) => batch.forEach(again))
    })

    await send(party, message('again'))
    await givenUp
    await soon(async () => (await party.transport.dead.list(billing, 1)).length === 1)
    const [letter] = await party.transport.dead.list(billing, 1)

    expect(letter?.headers[header.deadReason]).toBe('broker-delivery_limit')
    expect(Buffer.from(letter?.body ?? []).toString()).toBe('again')
  })

  test('R12 one for which a full queue had no room is listed', async () => {
    const options = { queue: { type: 'classic', arguments: { 'x-max-length': 1, 'x-overflow': 'reject-publish-dlx' } } } as const
    const party = await broker.party(broker.namespace(), [channelOf('orders', { options })])

    const outcomes = await send(party, ...['0', '1', '2'].map((text) => message(text)))
    await soon(async () => (await party.transport.dead.list(billing, 9)).length === outcomes.filter(({ kind }) => kind === 'rejected').length)
    const letters = await party.transport.dead.list(billing, 9)

    expect(letters.length).toBeGreaterThan(0)
    expect(letters.map(({ headers }) => headers[header.deadReason])).toEqual(letters.map(() => 'broker-maxlen'))
  })

  test('a group that nobody declared is refused by the name of its queue', async () => {
    const namespace = broker.namespace()
    const party = await broker.party(namespace)

    await expect(party.transport.dead.list({ channel: 'orders', group: 'nobody' }, 1)).rejects.toMatchObject({
      code: 'NO_SUCH_QUEUE',
      message: `RabbitMQ has no queue "${namespace}.orders.nobody.dead". Check channel and group, and that an app with that group has started.`,
    })
  })
})
