import { describe, expect, test } from 'vitest'
import { bed, channelOf, eventually, listen, message, send, strangers } from './bed.js'

describe('publishing to kafka', () => {
  const { admin, channel, party } = bed()

  test('what is published arrives with envelope, headers and body as they were', async () => {
    const name = channel()
    const one = await party([channelOf(name)])
    const inbox = await listen(one, { kind: 'group', channel: name, group: 'billing', window: 10 })

    const sent = message(name, '{"total":1}', { key: 'o-1', headers: { tenant: 'blue', count: 3, urgent: true } })
    expect(await send(one.transport, [sent])).toEqual([{ kind: 'confirmed' }])
    await eventually(() => inbox.received.length === 1)

    const [delivery] = inbox.received
    expect(delivery?.envelope).toMatchObject({ id: sent.envelope.id, type: 'order.placed', source: '/shop', subject: 'o-1' })
    expect(delivery?.headers).toMatchObject({ tenant: 'blue', count: '3', urgent: 'true', ce_specversion: '1.0' })
    expect(delivery?.contentType).toBe('application/json')
    expect(delivery?.origin).toMatchObject({ address: name, partition: 0, offset: '0' })
    expect(inbox.texts()).toEqual(['{"total":1}'])
  })

  test('P13 hundreds of publishes leave in a few requests, each with its own outcome', async () => {
    const name = channel()
    const one = await party([channelOf(name, [], { partitions: 4 })])

    const outcomes = await Promise.all(Array.from({ length: 500 }, (_, i) => send(one.transport, [message(name, `m${i}`, { key: `k${i % 50}` })])))

    expect(outcomes.flat().every(({ kind }) => kind === 'confirmed')).toBe(true)
    expect(await countOf(name)).toBe(500)
  })

  test('P15 one message over the limit of the topic is rejected, and the rest of its batch gets through', async () => {
    const name = channel()
    const one = await party([channelOf(name, [], { log: { settings: { 'max.message.bytes': '20000' } } })])

    const batch = Array.from({ length: 60 }, (_, i) => message(name, i === 37 ? 'x'.repeat(30_000) : `m${i}`))
    const outcomes = await send(one.transport, batch)

    expect(outcomes.flatMap(({ kind }, i) => (kind === 'confirmed' ? [] : [`${i} ${kind}`]))).toEqual(['37 rejected'])
    expect(outcomes[37]).toMatchObject({ reason: expect.stringContaining('MESSAGE_TOO_LARGE') })
    expect(await countOf(name)).toBe(59)
  })

  test('a message of 1,000 KiB goes, one over the limit of the broker is rejected alone', async () => {
    const name = channel()
    const one = await party([channelOf(name)])

    const outcomes = await send(one.transport, [message(name, 'x'.repeat(1_000 * 1024)), message(name, 'x'.repeat(2_000 * 1024)), message(name, 'small')])

    expect(outcomes.map(({ kind }) => kind)).toEqual(['confirmed', 'rejected', 'confirmed'])
  })

  test('what a topic cannot take is rejected before it is sent, to the byte', async () => {
    const name = channel()
    const one = await party([channelOf(name, [], { log: { settings: { 'max.message.bytes': '5000' } } })])
    const fixed = { envelope: { ...message(name, '').envelope, time: '2026-01-01T00:00:00.000Z' } }
    const [probe] = await send(one.transport, [message(name, 'x'.repeat(5_000), fixed)])
    const taken = Number(/takes (\d+) bytes/.exec(probe?.kind === 'rejected' ? probe.reason : '')?.[1])
    const room = 5_000 - (taken - 5_000)

    const outcomes = await send(one.transport, [message(name, 'x'.repeat(room), fixed), message(name, 'x'.repeat(room + 1), fixed)])

    expect(probe).toMatchObject({ kind: 'rejected', reason: expect.stringContaining('"max.message.bytes" of the topic is 5000') })
    expect(outcomes.map(({ kind }) => kind)).toEqual(['confirmed', 'rejected'])
    expect(outcomes[1]).toMatchObject({ reason: expect.stringContaining('takes 5001 bytes') })
  })

  test('compressed messages take less room, and arrive as they were', async () => {
    const name = channel()
    const one = await party([channelOf(name, ['billing'], { log: { settings: { 'max.message.bytes': '20000' } } })], { options: { compression: 'gzip' } })
    const inbox = await listen(one, { kind: 'group', channel: name, group: 'billing', window: 10 })
    const texts = ['a'.repeat(50_000), 'b', 'c'.repeat(40_000)]

    const outcomes = await send(
      one.transport,
      texts.map((text) => message(name, text)),
    )
    await eventually(() => inbox.received.length === 3)

    expect(outcomes.map(({ kind }) => kind)).toEqual(['confirmed', 'confirmed', 'confirmed'])
    expect(inbox.texts()).toEqual(texts)
  })

  test('P12 every publish under way settles when the transport closes', async () => {
    const name = channel()
    const one = await party([channelOf(name)])

    const settled = send(
      one.transport,
      Array.from({ length: 2_000 }, (_, i) => message(name, `m${i}`)),
    )
    await one.transport.close(2_000)

    const outcomes = await settled
    expect(outcomes.length).toBe(2_000)
    expect(await countOf(name)).toBeGreaterThanOrEqual(outcomes.filter(({ kind }) => kind === 'confirmed').length)
  })

  test('a message for a topic that does not exist is rejected with its name', async () => {
    const one = await party()

    const [outcome] = await send(one.transport, [message('nowhere', 'lost')])

    expect(outcome).toMatchObject({ kind: 'rejected', reason: expect.stringContaining('"nowhere"') })
  })

  test('nothing is taken before connect and after close, and each message is told so', async () => {
    const one = strangers()

    const before = await send(one.transport, [message('orders', 'early')])
    await one.transport.close(100)
    const after = await send(one.transport, [message('orders', 'late')])

    expect([...before, ...after].map(({ kind }) => kind)).toEqual(['rejected', 'rejected'])
    expect(one.transport.writable).toBe(false)
  })

  test('KP8 messages without a key are stored once each, spread over the partitions batch by batch', async () => {
    const name = channel()
    const one = await party([channelOf(name, [], { partitions: 3 })])

    for (let round = 0; round < 6; round++)
      await send(
        one.transport,
        Array.from({ length: 20 }, (_, i) => message(name, `${round}-${i}`)),
      )

    const counts = await partitionsOf(name)
    expect(counts.reduce((sum, count) => sum + count, 0)).toBe(120)
    expect(counts.every((count) => count === 40)).toBe(true)
  })

  test('B16 a reply address that names a topic of business is refused', async () => {
    const name = channel()
    const one = await party([channelOf(name)])

    const [outcome] = await send(one.transport, [message({ kind: 'reply', address: `${name}#x` }, 'forged')])

    expect(outcome).toMatchObject({ kind: 'rejected', reason: expect.stringContaining('reply address') })
    expect(await countOf(name)).toBe(0)
  })

  async function partitionsOf(topic: string): Promise<number[]> {
    return (await admin.fetchTopicOffsets(topic)).map(({ high, low }) => Number(high) - Number(low))
  }

  async function countOf(topic: string): Promise<number> {
    return (await partitionsOf(topic)).reduce((sum, count) => sum + count, 0)
  }
})
