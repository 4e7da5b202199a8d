import { describe, expect, test } from 'vitest'
import { bed, channelOf, drivers, eventually, listen, message, send } from './bed.js'

describe('where a group reads', () => {
  const { channel, party } = bed()

  test('a new group begins at the first message that is kept', async () => {
    const name = channel()
    const one = await party([channelOf(name)])
    await send(one.transport, [message(name, 'before')])

    const inbox = await listen(one, { kind: 'group', channel: name, group: 'billing', window: 10 })

    await eventually(() => inbox.texts().includes('before'))
  })

  test('one that begins at the last message sees only what comes, and goes on where it stopped', async () => {
    const name = channel()
    const topology = [channelOf(name, ['billing'], { partitions: 2, log: { from: 'last' } })]
    const one = await party(topology)
    await send(one.transport, [message(name, 'before', { key: 'a' }), message(name, 'before', { key: 'b' })])
    const first = await listen(one, { kind: 'group', channel: name, group: 'billing', window: 10 })
    await send(one.transport, [message(name, 'first', { key: 'a' })])
    await eventually(() => first.received.length === 1)

    await first.consumer.stop()
    await send(one.transport, [message(name, 'meanwhile', { key: 'a' }), message(name, 'meanwhile', { key: 'b' })])
    const second = await listen(await party(topology), { kind: 'group', channel: name, group: 'billing', window: 10 })
    await eventually(() => second.received.length === 2)

    expect(first.texts()).toEqual(['first'])
    expect(second.texts()).toEqual(['meanwhile', 'meanwhile'])
  })

  test('one that begins at a moment sees what was stored since', async () => {
    const name = channel()
    const one = await party([channelOf(name, ['stock'])])
    const stock = await listen(one, { kind: 'group', channel: name, group: 'stock', window: 10 })
    await send(one.transport, [message(name, 'before')])
    await eventually(() => stock.received.length === 1)
    const moment = new Date((stock.received[0]?.origin.storedAt ?? 0) + 1)
    await eventually(() => Date.now() > moment.getTime())
    await send(one.transport, [message(name, 'after')])

    const inbox = await listen(await party([channelOf(name, ['billing'], { log: { from: moment } })]), { kind: 'group', channel: name, group: 'billing', window: 10 })
    await eventually(() => inbox.received.length === 1)

    expect(inbox.texts()).toEqual(['after'])
  })

  test('a stopped group is moved back, and a running one is not', async () => {
    const name = channel()
    const one = await party([channelOf(name)])
    const address = { channel: name, group: 'billing' }
    const first = await listen(one, { kind: 'group', ...address, window: 10 })
    await send(one.transport, [message(name, 'a'), message(name, 'b')])
    await eventually(() => first.received.length === 2)

    await expect(one.transport.seek(address, 'first')).rejects.toMatchObject({ code: 'GROUP_RUNS' })
    await first.consumer.stop()
    await one.transport.seek(address, 'first')
    const second = await listen(one, { kind: 'group', ...address, window: 10 })
    await eventually(() => second.received.length === 2)

    expect(second.texts()).toEqual(['a', 'b'])
  })

  test('a range is replayed to one group while it runs, by the same key and under ids of choice', async () => {
    const name = channel()
    const one = await party([channelOf(name, ['billing', 'stock'], { partitions: 2 })])
    const billing = await listen(one, { kind: 'group', channel: name, group: 'billing', window: 10 })
    const stock = await listen(one, { kind: 'group', channel: name, group: 'stock', window: 10 })
    const sent = ['a', 'b', 'c'].map((text) => message(name, text, { key: text, headers: { 'waybill-attempt': 7, colour: 'red' } }))
    await send(one.transport, sent)
    await eventually(() => billing.received.length === 3 && stock.received.length === 3)

    const count = await one.transport.replay({ channel: name, group: 'billing' }, { from: 'first' })
    await eventually(() => billing.received.length === 6)
    const again = await one.transport.replay({ channel: name, group: 'billing' }, { from: 'first', newIds: true })
    await eventually(() => billing.received.length === 9)

    const [copies, renamed] = [billing.received.slice(3, 6), billing.received.slice(6)]
    const ids = sent.map(({ envelope }) => envelope.id).sort()
    expect([count, again]).toEqual([3, 3])
    expect(copies.map(({ envelope }) => envelope.id).sort()).toEqual(ids)
    expect(copies.every(({ toGroup, headers }) => toGroup && headers['waybill-attempt'] === undefined && headers.colour === 'red')).toBe(true)
    expect(renamed.map(({ headers }) => headers['waybill-origin-id']).sort()).toEqual(ids)
    expect(new Set([...ids, ...renamed.map(({ envelope }) => envelope.id)]).size).toBe(6)
    expect(stock.received.length).toBe(3)
  })

  test.each(drivers)('a moment that is none, and a word that is no place, move and replay nothing, through %s', async (_, options) => {
    const name = channel()
    const one = await party([channelOf(name)], { options })
    const address = { channel: name, group: 'billing' }
    await send(one.transport, [message(name, 'a')])
    const none = new Date('soon')

    const refused = await Promise.allSettled([
      one.transport.seek(address, none),
      one.transport.seek(address, 'middle' as 'first'),
      one.transport.replay(address, { from: none }),
      one.transport.replay(address, { from: 'last' as 'first' }),
      one.transport.replay(address, { from: 'first', to: none }),
    ])
    const inbox = await listen(one, { kind: 'group', ...address, window: 10 })
    await eventually(() => inbox.received.length === 1)

    expect(refused.map((found) => found.status === 'rejected' && found.reason.code)).toEqual(Array.from({ length: 5 }, () => 'BAD_PLACE'))
    expect(inbox.texts()).toEqual(['a'])
  })

  test.each(drivers)('the time before 1970 is before all messages, through %s', async (_, options) => {
    const name = channel()
    const one = await party([channelOf(name)], { options })
    const address = { channel: name, group: 'billing' }
    await send(one.transport, [message(name, 'a')])

    await one.transport.seek(address, new Date(-1))
    const inbox = await listen(one, { kind: 'group', ...address, window: 10 })
    await eventually(() => inbox.received.length === 1)
    const [moved] = inbox.texts()
    const copies = await one.transport.replay(address, { from: new Date(-1) })

    expect([moved, copies]).toEqual(['a', 1])
  })

  test('health tells what waits in each partition', async () => {
    const name = channel()
    const one = await party([channelOf(name, ['billing'], { partitions: 2 })], { options: { stallTimeout: '200ms' } })
    const inbox = await listen(one, { kind: 'group', channel: name, group: 'billing', window: 1 }, () => {})
    await send(
      one.transport,
      ['hot', 'hot', 'hot', 'cold0'].map((key) => message(name, key, { key })),
    )

    const waiting = (): number =>
      (inbox.consumer.health().partitions ?? []).filter(({ address }) => address === name).reduce((sum, { waiting: lag, unsettled }) => sum + lag + unsettled, 0)
    await eventually(() => waiting() === 4, waiting)

    const partitions = inbox.consumer.health().partitions ?? []
    expect(new Set(partitions.filter(({ address }) => address === name).map(({ partition }) => partition))).toEqual(new Set([0, 1]))
    expect(partitions.some(({ progressAt }) => progressAt !== undefined)).toBe(true)
  })
})
