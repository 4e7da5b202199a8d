import { describe, expect, test } from 'vitest'
import { bed, billing, channelOf, depth, listen, message, send, soon } from './bed.js'

const later = { kind: 'group', ...billing } as const

describe('delays on RabbitMQ', () => {
  const broker = bed()

  test('R2 each message comes when its own delay is over, to the second, and none before', async () => {
    const party = await broker.party(broker.namespace())
    const at = new Map<string, number>()
    const from = performance.now()
    await party.transport.subscribe({ kind: 'group', ...billing, window: 10 }, (deliveries) => {
      for (const delivery of deliveries) {
        at.set(Buffer.from(delivery.body).toString(), performance.now() - from)
        delivery.settle('ack')
      }
    })

    const outcomes = await send(party, ...[5, 1, 3, 2].map((seconds) => message(String(seconds), { to: later, delayMs: seconds * 1_000 })))
    await soon(() => at.size === 4, { within: 15_000 })

    expect(outcomes.map(({ kind }) => kind)).toEqual(Array(4).fill('confirmed'))
    expect([...at.keys()]).toEqual(['1', '2', '3', '5'])
    for (const [seconds, tookMs] of at) expect(tookMs).toBeGreaterThanOrEqual(Number(seconds) * 1_000 - 5)
  })

  test('a delayed retry says that it was for this group, a delayed publish that it was for all, and neither shows the ladder', async () => {
    const party = await broker.party(broker.namespace())
    const inbox = await listen(party)

    await send(party, message('retry', { to: later, delayMs: 1 }), message('publish', { delayMs: 1, headers: { tenant: 'a' } }))
    await soon(() => inbox.got.length === 2)

    const found = Object.fromEntries(inbox.got.map((delivery) => [Buffer.from(delivery.body).toString(), delivery]))
    expect(found['retry']?.toGroup).toBe(true)
    expect(found['publish']).toMatchObject({ toGroup: false, headers: { tenant: 'a' } })
    expect(Object.keys(found['publish']?.headers ?? {}).filter((name) => name.startsWith('x-'))).toEqual([])
  })

  test('I9 a delayed message whose queue is gone when its time comes is kept, and one that nobody needs to hear is forgotten', async () => {
    const namespace = broker.namespace()
    const party = await broker.party(namespace)
    await send(party, message('kept', { to: later, delayMs: 1_000 }), message('needed', { mandatory: true, delayMs: 1_000 }), message('unheard', { delayMs: 1_000 }))

    await broker.channel.deleteQueue(`${namespace}.orders.billing`)
    const found: string[] = []
    await soon(
      async () => {
        const letter = await broker.channel.get('waybill.delay.lost')
        if (!letter) return false
        if (letter.fields.routingKey.includes(namespace)) found.push(letter.content.toString())
        broker.channel.ack(letter)

        return found.length >= 2
      },
      { within: 10_000 },
    )

    expect(found.sort()).toEqual(['kept', 'needed'])
    expect(await depth(broker.connection, 'waybill.delay.unheard')).toMatchObject({ messages: 0 })
    expect(await depth(broker.connection, 'waybill.delay.0')).toMatchObject({ messages: 0 })
  })

  test('the ladder that somebody deleted is made again, and what could not be kept back says so', async () => {
    const party = await broker.party(broker.namespace())
    const inbox = await listen(party)
    await send(party, message('before', { to: later, delayMs: 1 }))
    await soon(() => inbox.got.length === 1)

    await broker.channel.deleteQueue('waybill.delay.11')
    await broker.channel.deleteExchange('waybill.delay.11')
    await send(party, message('into', { to: later, delayMs: 2_048_000 }))
    await broker.channel.deleteQueue('waybill.delay.11')
    const [lost] = await send(party, message('gone', { to: later, delayMs: 2_048_000 }))
    const [again] = await send(party, message('again', { to: later, delayMs: 2_048_000 }))

    expect(lost).toMatchObject({ kind: 'rejected', reason: expect.stringContaining('delay ladder') })
    expect(again).toEqual({ kind: 'confirmed' })
    expect(await depth(broker.connection, 'waybill.delay.11')).toMatchObject({ messages: 1 })
    await broker.channel.purgeQueue('waybill.delay.11')
  })

  test('what cannot be delayed is refused with the reason', async () => {
    const party = await broker.party(broker.namespace())

    const outcomes = await send(
      party,
      message('too long', { to: later, delayMs: 2 ** 28 * 1_000 }),
      message('expires', { to: later, delayMs: 1_000, expiresMs: 2_000 }),
      message('nobody', { to: { kind: 'group', channel: 'orders', group: 'nobody' }, delayMs: 1_000, mandatory: true }),
    )

    expect(outcomes).toMatchObject([
      { kind: 'rejected', reason: expect.stringContaining('longer than the ladder') },
      { kind: 'rejected', reason: expect.stringContaining('not both') },
      { kind: 'unroutable', reason: expect.stringContaining('orders.nobody') },
    ])
  })

  test('a keyed message that was delayed goes to the queue of its key', async () => {
    const namespace = broker.namespace()
    const party = await broker.party(namespace, [channelOf('orders', { keyed: true, partitions: 3 })])
    const inbox = await listen(party)

    await send(party, message('keyed', { key: 'a', delayMs: 1 }))
    await soon(() => inbox.got.length === 1)

    expect(inbox.got[0]?.origin.address).toMatch(/orders\.billing\.keyed\.\d$/)
  })
})
