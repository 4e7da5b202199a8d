import { history } from '@waybill/testing'
import { describe, expect, test } from 'vitest'
import { bed, billing, channelOf, message, send, soon } from './bed.js'
import { loadOn, worker } from './load.js'

const partitions = 4
const keyed = (count = partitions) => [channelOf('orders', { keyed: true, partitions: count })]

describe('keyed groups over several processes', () => {
  const broker = bed()

  test('I4 the ordered queues are spread evenly over processes that come and go, and every key keeps its order', async () => {
    const namespace = broker.namespace()
    const seen = history()
    const load = loadOn(await broker.party(namespace, keyed()), seen)
    const first = await worker(await broker.party(namespace, keyed()), seen)
    load.start()
    await soon(() => first.recent().length === partitions)

    const second = await worker(await broker.party(namespace, keyed()), seen)
    await soon(() => first.recent().length === 2 && second.recent().length === 2, { within: 15_000 })
    const others = [await worker(await broker.party(namespace, keyed()), seen), await worker(await broker.party(namespace, keyed()), seen)]
    const all = [first, second, ...others]
    await soon(() => all.every((one) => one.recent().length === 1), { within: 15_000 })
    await second.party.transport.close(5_000)
    await first.consumer.stop()
    await soon(() => others.every((one) => one.recent().length === 2), { within: 15_000 })
    await load.stop()
    await soon(() => seen.check({ groups: ['billing'] }).lost.length === 0)

    const verdict = seen.check({ groups: ['billing'] })
    expect(verdict, verdict.describe()).toMatchObject({ lost: [], reordered: [], unexpected: [] })
  }, 60_000)

  test('a process that only stands by says so once, with what to do, and takes over when the active one ends', async () => {
    const namespace = broker.namespace()
    const seen = history()
    const active = await worker(await broker.party(namespace, keyed(1)), seen)
    const standby = await worker(await broker.party(namespace, keyed(1)), seen)
    const spoken = () => standby.party.lines.filter((line) => line.includes('stands by'))

    expect(spoken()).toEqual([expect.stringMatching(/2 processes share 1 ordered queue.*`channels: \{ "orders": \{ partitions: 2 \} \}`/)])
    expect(active.party.lines.join()).not.toContain('stands by')
    await active.consumer.stop()
    await send(active.party, message('after', { key: 'a' }))
    await soon(() => standby.recent().length === 1)
    broker.proxy.reset()
    await soon(() => standby.consumer.health().attached)

    expect(spoken()).toHaveLength(1)
  })

  test('what is still being worked on is finished before its queue is yielded', async () => {
    const namespace = broker.namespace()
    const first = await broker.party(namespace, keyed(2))
    const unsettled = new Map<string, number>()
    await first.transport.subscribe({ kind: 'group', ...billing, window: 4 }, (deliveries) => {
      for (const delivery of deliveries) {
        const { address } = delivery.origin
        unsettled.set(address, (unsettled.get(address) ?? 0) + 1)
        setTimeout(() => {
          unsettled.set(address, (unsettled.get(address) ?? 0) - 1)
          delivery.settle('ack')
        }, 20)
      }
    })
    await send(first, ...Array.from({ length: 2_000 }, (_, n) => message(String(n), { key: `key-${n % 20}` })))
    await soon(() => unsettled.size === 2)

    const leftBehind: (number | undefined)[] = []
    const second = await broker.party(namespace, keyed(2))
    await second.transport.subscribe({ kind: 'group', ...billing, window: 4 }, (deliveries) => {
      for (const delivery of deliveries) leftBehind.push(unsettled.get(delivery.origin.address))
    })
    await soon(() => leftBehind.length === 4, { within: 10_000 })

    expect(leftBehind).toEqual([0, 0, 0, 0])
  })
})
