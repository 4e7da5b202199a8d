import assert from 'node:assert/strict'
import type { RawDelivery } from '@waybill/core'
import type { Bench } from './bench.js'
import type { Scenario } from './contract-case.js'
import { moved } from './layout.js'
import type { Peer } from './peer.js'
import { textOf, type Receiver } from './receiver.js'

export const settling: readonly Scenario[] = [
  {
    title: 'what was acknowledged never comes again',
    async run(bench) {
      const { peer, receiver } = await holding(bench, 20)
      receiver.ack(...receiver.received)

      await receiver.stop()

      await nothingBut(bench, peer, [])
    },
  },
  {
    title: 'deliveries may be settled in any order',
    async run(bench) {
      const { peer, receiver } = await holding(bench, 30)
      const shuffled = [...receiver.received].sort((a, b) => ((Number(textOf(a)) * 7) % 30) - ((Number(textOf(b)) * 7) % 30))
      for (const delivery of shuffled) receiver.ack(delivery)

      await receiver.stop()

      await nothingBut(bench, peer, [])
    },
  },
  {
    title: 'what is unsettled when its consumer stops is delivered again, marked as such',
    async run(bench) {
      const { peer, receiver } = await holding(bench, 20)
      const [done, open] = [everySecond(receiver.received, 0), everySecond(receiver.received, 1)]
      receiver.ack(...done)

      await receiver.stop()

      const again = await nothingBut(bench, peer, open.map(textOf))
      assert.ok(
        again.every((delivery) => delivery.redelivered),
        'Each is marked as redelivered.',
      )
    },
  },
  {
    title: 'C1 what is unsettled when its transport closes is delivered to another process',
    async run(bench) {
      const gone = await bench.another()
      const { receiver } = await holding(bench, 10, { peer: gone })
      receiver.ack(...receiver.received.slice(0, 4))

      await gone.close()

      await nothingBut(bench, await bench.peer(), receiver.received.slice(4).map(textOf))
    },
  },
  {
    title: 'a returned delivery comes again, and the others are not held up',
    async run(bench) {
      const { peer, receiver } = await holding(bench, 5)
      const returned = receiver.received[2] as RawDelivery

      receiver.settle([returned], 'return')
      receiver.ack(...receiver.unsettled)
      await receiver.arrived(6)

      const again = receiver.received[5] as RawDelivery
      assert.equal(again.envelope.id, returned.envelope.id)
      assert.equal(again.redelivered, true)
      receiver.release()
      await receiver.stop()
      await nothingBut(bench, peer, [])
    },
  },
  {
    title: 'all deliveries can be returned at once, and all come again',
    async run(bench) {
      const { receiver } = await holding(bench, 20)
      const first = receiver.received.slice()

      receiver.hold = false
      receiver.settle(first, 'return')
      await receiver.arrived(40)

      assert.deepEqual(new Set(receiver.texts.slice(20)), new Set(first.map(textOf)))
    },
  },
  {
    title: 'the broker counts how often it delivered a message',
    needs: ['deliveryCount'],
    async run(bench) {
      const { receiver } = await holding(bench, 1)
      for (let count = 1; count <= 3; count++) {
        receiver.settle([...receiver.unsettled], 'return')
        await receiver.arrived(count + 1)
      }

      assert.deepEqual(
        receiver.received.map((delivery) => delivery.deliveryCount ?? 0),
        [0, 1, 2, 3],
      )
    },
    async without(bench) {
      const { receiver } = await holding(bench, 1)
      receiver.settle([...receiver.unsettled], 'return')
      await receiver.arrived(2)

      assert.equal(receiver.received[1]?.deliveryCount, undefined)
    },
  },
  {
    title: 'C2 settling twice changes nothing',
    async run(bench) {
      const { peer, receiver } = await holding(bench, 3)
      const [acked, returned, both] = receiver.received as [RawDelivery, RawDelivery, RawDelivery]

      for (const settlement of ['ack', 'return', 'ack'] as const) acked.settle(settlement)
      for (const settlement of ['return', 'ack', 'return'] as const) returned.settle(settlement)
      for (const settlement of ['ack', 'ack'] as const) both.settle(settlement)
      await receiver.arrived(4)
      receiver.ack(...receiver.received)
      await peer.eventually('nothing is unsettled', () => receiver.consumer.health().unsettled === 0)
      await receiver.stop()

      assert.deepEqual(receiver.received.slice(3).map(textOf), [textOf(returned)])
      await nothingBut(bench, peer, [])
    },
  },
  {
    title: 'acknowledged in the same turn as the stop is acknowledged',
    async run(bench) {
      const { peer, receiver } = await holding(bench, 50)

      receiver.ack(...receiver.received)
      await receiver.stop()

      await nothingBut(bench, peer, [])
    },
  },
  {
    title: 'acknowledged last first and stopped in the same turn is acknowledged',
    async run(bench) {
      const { peer, receiver } = await holding(bench, 400)

      receiver.ack(...[...receiver.unsettled].reverse())
      await receiver.stop()

      await nothingBut(bench, peer, [])
    },
  },
  {
    title: 'so are messages of one key',
    needs: ['keyOrder'],
    async run(bench) {
      const { peer, receiver } = await holding(bench, 400, { isKeyed: true })

      receiver.ack(...[...receiver.unsettled].reverse())
      await receiver.stop()

      await nothingBut(bench, peer, [], { isKeyed: true })
    },
  },
  {
    title: 'acknowledged in the same turn as the close is acknowledged',
    async run(bench) {
      const gone = await bench.another()
      const { receiver } = await holding(bench, 50, { peer: gone })

      receiver.ack(...receiver.received)
      await gone.close()

      await nothingBut(bench, await bench.peer(), [])
    },
  },
  {
    title: 'C5 settling after the consumer stopped does nothing and is counted',
    async run(bench) {
      const { peer, receiver } = await holding(bench, 3)
      const before = receiver.received.map((delivery) => delivery.isStale)
      await receiver.stop()
      const after = receiver.received.map((delivery) => delivery.isStale)

      receiver.ack(...receiver.received)

      assert.deepEqual(
        [before, after],
        [
          [false, false, false],
          [true, true, true],
        ],
        'Deliveries know that they are stale.',
      )
      assert.equal(receiver.consumer.health().lateSettles, 3)
      await nothingBut(bench, peer, ['0', '1', '2'])
    },
  },
]

const oneKey = { type: moved, key: 'same' } as const

/** All of one key, or none with any. */
interface Keys {
  readonly isKeyed?: boolean
}

/** A consumer that holds so many messages. */
async function holding(
  bench: Bench,
  count: number,
  { isKeyed = false, ...parts }: Keys & { readonly peer?: Peer } = {},
): Promise<{ readonly peer: Peer; readonly receiver: Receiver }> {
  const peer = parts.peer ?? (await bench.peer())
  await peer.declare(bench.channel, { keyed: isKeyed })
  const receiver = await peer.listen(bench.group(), { window: Math.max(100, count), hold: true })
  await peer.send(...bench.messages(count, () => (isKeyed ? oneKey : {})))
  await receiver.arrived(count)

  return { peer, receiver }
}

/** The group is given those messages and no others before a marker. A log may repeat what was settled behind an open one. */
async function nothingBut(bench: Bench, peer: Peer, texts: readonly string[], { isKeyed = false }: Keys = {}): Promise<readonly RawDelivery[]> {
  await peer.declare(bench.channel, { keyed: isKeyed })
  const receiver = await peer.listen(bench.group())
  await peer.send(bench.message({ text: 'marker', ...(isKeyed ? oneKey : {}) }))
  await peer.eventually(
    'the marker arrives',
    () => receiver.texts.includes('marker'),
    () => receiver.texts,
  )
  const found = receiver.received.filter((delivery) => textOf(delivery) !== 'marker')
  const expected = peer.capabilities.kind === 'log' ? texts : [...texts].sort()
  if (peer.capabilities.kind === 'log' && texts.length > 0)
    assert.ok(
      texts.every((text) => found.some((delivery) => textOf(delivery) === text)),
      'All of them come again.',
    )
  else assert.deepEqual(found.map(textOf).sort(), expected)

  return found
}

function everySecond<T>(items: readonly T[], from: number): readonly T[] {
  return items.filter((_, index) => index % 2 === from)
}
