import type { RawDelivery } from '@waybill/core'
import { describe, expect, test } from 'vitest'
import { bed, channelOf, eventually, listen, message, send, textOf } from './bed.js'

describe('consuming from kafka', () => {
  const { admin, client, channel, party } = bed()

  test('K2 what is committed is the last processed offset plus one', async () => {
    const name = channel()
    const one = await party([channelOf(name)])
    const inbox = await listen(one, { kind: 'group', channel: name, group: 'billing', window: 10 })

    await send(
      one.transport,
      texts(7).map((text) => message(name, text)),
    )
    await eventually(() => inbox.received.length === 7)

    await eventually(async () => (await committed(name)) === 7)
  })

  test('K19 only the finished prefix is committed, whatever finishes behind it', async () => {
    const name = channel()
    const one = await party([channelOf(name)])
    const inbox = await listen(one, { kind: 'group', channel: name, group: 'billing', window: 10 }, () => {})
    await send(
      one.transport,
      texts(6).map((text) => message(name, text)),
    )
    await eventually(() => inbox.received.length === 6)

    for (const index of [5, 3, 0, 1]) inbox.received[index]?.settle('ack')

    await eventually(async () => (await committed(name)) === 2)
    inbox.received[2]?.settle('ack')
    await eventually(async () => (await committed(name)) === 4)
  })

  test('K3 a core that throws a TypeError does not stop the consumer', async () => {
    const name = channel()
    const one = await party([channelOf(name)])
    let isFirst = true
    const inbox = await listen(one, { kind: 'group', channel: name, group: 'billing', window: 10 }, (delivery) => {
      delivery.settle('ack')
      if (isFirst) {
        isFirst = false
        throw new TypeError('not my day')
      }
    })

    await send(one.transport, [message(name, 'first')])
    await eventually(() => inbox.received.length === 1)
    await send(one.transport, [message(name, 'second')])

    await eventually(() => inbox.texts().includes('second'))
    expect(inbox.consumer.health()).toMatchObject({ attached: true, lateSettles: 0 })
  })

  test('K1 what a stopped consumer left undone goes to the next one, and what it did does not', async () => {
    const name = channel()
    const one = await party([channelOf(name)])
    const first = await listen(one, { kind: 'group', channel: name, group: 'billing', window: 10 }, () => {})
    await send(
      one.transport,
      texts(5).map((text) => message(name, text)),
    )
    await eventually(() => first.received.length === 5)

    first.received.slice(0, 2).forEach((delivery) => delivery.settle('ack'))
    await first.consumer.stop()
    const second = await listen(await party([channelOf(name)]), { kind: 'group', channel: name, group: 'billing', window: 10 })
    await eventually(() => second.received.length === 3)

    expect(second.texts()).toEqual(['m2', 'm3', 'm4'])
    expect(second.received.every(({ redelivered }) => redelivered)).toBe(true)
  })

  test('K7 finished work is committed before a partition goes to somebody else', async () => {
    const name = channel()
    const topology = [channelOf(name, ['billing'], { partitions: 2 })]
    const slow = { options: { commitInterval: '10m', sessionTimeout: '6s' } } as const
    const one = await party(topology, slow)
    const first = await listen(one, { kind: 'group', channel: name, group: 'billing', window: 100 })
    await send(
      one.transport,
      texts(40).map((text, i) => message(name, text, { key: `k${i}` })),
    )
    await eventually(() => first.received.length === 40)

    const second = await listen(await party(topology, slow), { kind: 'group', channel: name, group: 'billing', window: 100 })
    await send(
      one.transport,
      texts(40).map((text, i) => message(name, `again ${text}`, { key: `k${i}` })),
    )
    await eventually(
      () => first.received.length + second.received.length >= 80,
      () => [first.received.length, second.received.length],
    )

    expect([...first.texts(), ...second.texts()].length).toBe(80)
    expect(second.texts().every((text) => text.startsWith('again'))).toBe(true)
    expect(second.received.length).toBeGreaterThan(0)
  })

  test('K6 a settle for a partition that moved away is dropped and counted', async () => {
    const name = channel()
    const topology = [channelOf(name, ['billing'], { partitions: 2 })]
    const one = await party(topology)
    const first = await listen(one, { kind: 'group', channel: name, group: 'billing', window: 100 }, () => {})
    await send(
      one.transport,
      texts(20).map((text, i) => message(name, text, { key: `k${i}` })),
    )
    await eventually(() => first.received.length === 20)

    const second = await listen(await party(topology), { kind: 'group', channel: name, group: 'billing', window: 100 }, () => {})
    await eventually(() => second.received.length > 0)
    const moved = first.received.filter(({ isStale }) => isStale)
    moved.forEach((delivery) => delivery.settle('ack'))

    expect(first.consumer.health().lateSettles).toBe(moved.length)
    expect(new Set(second.texts())).toEqual(new Set(moved.map(textOf)))
    expect(first.received.length).toBe(20)
    expect(second.received.every(({ redelivered }) => redelivered)).toBe(true)
  })

  test('no more than the window is unsettled, and the rest comes as it is settled', async () => {
    const name = channel()
    const one = await party([channelOf(name)])
    const open = new Set<RawDelivery>()
    let most = 0
    const inbox = await listen(one, { kind: 'group', channel: name, group: 'billing', window: 5 }, (delivery) => {
      open.add(delivery)
      most = Math.max(most, open.size)
      setImmediate(() => {
        open.delete(delivery)
        delivery.settle('ack')
      })
    })

    await send(
      one.transport,
      texts(500).map((text) => message(name, text)),
    )
    await eventually(
      () => inbox.received.length === 500,
      () => inbox.received.length,
    )

    expect(most).toBeLessThanOrEqual(5)
    expect(inbox.texts()).toEqual(texts(500))
  })

  test('K5 heartbeats and timers have their turn while records are there whose listeners are done at once', async () => {
    const name = channel()
    const one = await party([channelOf(name)])
    await send(
      one.transport,
      texts(500).map((text) => message(name, text)),
    )
    let seen: number | undefined
    let isFirst = true

    const inbox = await listen(one, { kind: 'group', channel: name, group: 'billing', window: 10 }, (delivery) => {
      delivery.settle('ack')
      if (isFirst) setImmediate(() => (seen = inbox.received.length))
      isFirst = false
    })
    await eventually(() => inbox.received.length === 500)

    expect(seen).toBeLessThan(100)
  })

  test('K17 a partition with much to do does not starve the others', async () => {
    const name = channel()
    const one = await party([channelOf(name, ['billing'], { partitions: 2 })])
    const hot = texts(5_000).map((text) => message(name, text, { key: 'hot' }))
    const cold = Array.from({ length: 20 }, (_, i) => message(name, 'cold', { key: `cold${i}` }))
    await send(one.transport, [...hot, ...cold])

    const inbox = await listen(one, { kind: 'group', channel: name, group: 'billing', window: 4 }, (delivery) => void setImmediate(() => delivery.settle('ack')))
    await eventually(
      () => inbox.received.length === 5_020,
      () => inbox.received.length,
    )

    expect(inbox.texts().indexOf('cold')).toBeLessThan(4_000)
    await eventually(() => inbox.consumer.health().unsettled === 0)
    expect(inbox.consumer.health().waiting).toBe(0)
  })

  test('a delivery that is returned comes again, marked, and holds the prefix back', async () => {
    const name = channel()
    const one = await party([channelOf(name)])
    const inbox = await listen(one, { kind: 'group', channel: name, group: 'billing', window: 10 }, (delivery) =>
      delivery.settle(delivery.redelivered || textOf(delivery) !== 'm1' ? 'ack' : 'return'),
    )

    await send(
      one.transport,
      texts(3).map((text) => message(name, text)),
    )
    await eventually(() => inbox.received.length === 4)

    expect(inbox.texts()).toEqual(['m0', 'm1', 'm2', 'm1'])
    expect(inbox.received[3]?.redelivered).toBe(true)
    await eventually(async () => (await committed(name)) === 3)
  })

  test('a message to one group reaches that group alone', async () => {
    const name = channel()
    const one = await party([channelOf(name, ['billing', 'stock'])])
    const billing = await listen(one, { kind: 'group', channel: name, group: 'billing', window: 10 })
    const stock = await listen(one, { kind: 'group', channel: name, group: 'stock', window: 10 })

    await send(one.transport, [message({ kind: 'group', channel: name, group: 'billing' }, 'retry'), message(name, 'all')])
    await eventually(() => billing.received.length === 2 && stock.received.length === 1)

    expect(new Set(billing.texts())).toEqual(new Set(['retry', 'all']))
    expect(stock.texts()).toEqual(['all'])
  })

  test('a foreign record comes with its key as subject and its bytes untouched', async () => {
    const name = channel()
    const one = await party([channelOf(name)])
    const inbox = await listen(one, { kind: 'group', channel: name, group: 'billing', window: 10 })
    const producer = client.producer()
    await producer.connect()

    await producer.send({
      topic: name,
      messages: [
        { key: 'abc', value: Buffer.from([0, 255, 1]) },
        { key: null, value: null },
      ],
    })
    await producer.disconnect()
    await eventually(() => inbox.received.length === 2)

    expect(inbox.received[0]?.envelope).toMatchObject({ subject: 'abc', id: undefined })
    expect([...(inbox.received[0]?.body ?? [])]).toEqual([0, 255, 1])
    expect(inbox.received[1]?.body.length).toBe(0)
  })

  test('what a transaction took back is not delivered, and holds no commit back', async () => {
    const name = channel()
    const one = await party([channelOf(name)])
    const inbox = await listen(one, { kind: 'group', channel: name, group: 'billing', window: 10 })
    const producer = client.producer({ transactionalId: name, maxInFlightRequests: 1, idempotent: true })
    await producer.connect()

    for (const [value, ending] of [
      ['kept', 'commit'],
      ['taken back', 'abort'],
      ['kept too', 'commit'],
    ] as const) {
      const transaction = await producer.transaction()
      await transaction.send({ topic: name, messages: [{ value }] })
      await transaction[ending]()
    }
    await producer.disconnect()
    await eventually(() => inbox.received.length === 2)

    expect(inbox.texts()).toEqual(['kept', 'kept too'])
    await eventually(async () => (await committed(name)) === 6)
  })

  test('B02 headers named like parts of an object are headers like others', async () => {
    const name = channel()
    const one = await party([channelOf(name)])
    const inbox = await listen(one, { kind: 'group', channel: name, group: 'billing', window: 10 })
    const headers = Object.fromEntries([
      ['__proto__', 'a'],
      ['constructor', 'b'],
      ['toString', 'c'],
      ['', 'd'],
      ['n'.repeat(255), 'e'],
    ])

    await send(one.transport, [message(name, 'hostile', { headers })])
    await eventually(() => inbox.received.length === 1)

    const found = inbox.received[0]?.headers ?? {}
    expect('valueOf' in found).toBe(false)
    expect(['__proto__', 'constructor', 'toString', '', 'n'.repeat(255)].map((header) => found[header])).toEqual(['a', 'b', 'c', 'd', 'e'])
  })

  async function committed(name: string): Promise<number> {
    const [found] = await admin.fetchOffsets({ groupId: `${name}.billing`, topics: [name] })

    return Number(found?.partitions[0]?.offset)
  }
})

function texts(count: number): string[] {
  return Array.from({ length: count }, (_, i) => `m${i}`)
}
