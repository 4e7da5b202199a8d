import assert from 'node:assert/strict'
import { Listener, Service } from '@waybill/core'
import type { Bench } from './bench.js'
import type { Scenario } from './contract-case.js'
import { moved } from './layout.js'
import type { Peer } from './peer.js'
import { OrderMoved } from './shop-messages.js'

export const windows: readonly Scenario[] = [
  {
    title: 'no more than the window is unsettled at a time',
    async run(bench) {
      const peer = await bench.peer()
      await peer.declare(bench.channel, { groups: ['billing', 'stock'] })
      const receiver = await peer.listen(bench.group('billing'), { window: 7, hold: true })

      await peer.send(...bench.messages(50))
      await receiver.arrived(7)
      await roundTrip(bench, peer)

      assert.equal(receiver.received.length, 7)
      assert.equal(receiver.consumer.health().unsettled, 7)
    },
  },
  {
    title: 'a window of nothing gives nothing new until it is widened again',
    async run(bench) {
      const peer = await bench.peer()
      await peer.declare(bench.channel, { groups: ['billing', 'stock'] })
      const receiver = await peer.listen(bench.group('billing'), { window: 5, hold: true })
      await peer.send(...bench.messages(5))
      await receiver.arrived(5)

      receiver.consumer.resize(0)
      receiver.ack(...receiver.unsettled)
      await peer.send(...bench.messages(5))
      await roundTrip(bench, peer)
      const given = receiver.received.length
      receiver.consumer.resize(5)
      await receiver.arrived(10)

      assert.equal(given, 5)
    },
  },
  {
    title: 'each settled delivery makes room for the next',
    async run(bench) {
      const peer = await bench.peer()
      await peer.declare(bench.channel)
      const receiver = await peer.listen(bench.group(), { window: 1, hold: true })

      await peer.send(...bench.messages(20))
      for (let count = 1; count <= 20; count++) {
        await receiver.arrived(count)
        receiver.ack(...receiver.unsettled)
      }

      assert.equal(receiver.most, 1)
      assert.equal(new Set(receiver.texts).size, 20)
      await peer.eventually('nothing is unsettled', () => receiver.consumer.health().unsettled === 0)
    },
  },
  {
    title: 'C12 with ten thousand messages waiting, a new consumer has only its window in hand',
    async run(bench) {
      const peer = await bench.peer()
      await peer.declare(bench.channel, { groups: ['billing', 'stock'] })
      for (let part = 0; part < 10; part++) await peer.send(...bench.messages(1000, (index) => ({ text: String(part * 1000 + index) })))

      const receiver = await peer.listen(bench.group('billing'), { window: 50, hold: true })
      await receiver.arrived(50)
      await roundTrip(bench, peer)
      const inHand = receiver.received.length
      receiver.release()
      await receiver.arrived(10_000)

      assert.equal(inHand, 50)
      assert.ok(receiver.most <= 50, `At most 50 are unsettled; found ${receiver.most}.`)
      assert.equal(new Set(receiver.texts).size, 10_000)
      assert.equal(receiver.received.length, 10_000)
    },
  },
  {
    title: 'one group that holds everything does not keep another from its messages',
    async run(bench) {
      const peer = await bench.peer()
      await peer.declare(bench.channel, { groups: ['billing', 'stock'] })
      const [billing, stock] = [await peer.listen(bench.group('billing'), { window: 3, hold: true }), await peer.listen(bench.group('stock'), { window: 3 })]

      await peer.send(...bench.messages(100))

      await Promise.all([billing.arrived(3), stock.arrived(100)])
      assert.equal(billing.received.length, 3)
    },
  },
  {
    title: 'a window that is widened gives more of the messages with a key at once, and one that is narrowed waits for its turn',
    needs: ['keyOrder'],
    async run(bench) {
      const peer = await bench.peer()
      await peer.declare(bench.channel, { keyed: true, groups: ['billing', 'stock'] })
      const receiver = await peer.listen(bench.group('billing'), { window: 4, hold: true })
      await peer.send(...bench.messages(40, () => ({ type: moved, key: 'a' })))
      await receiver.arrived(4)
      await roundTrip(bench, peer)
      const narrow = receiver.received.length

      receiver.consumer.resize(16)
      await receiver.arrived(16)
      await roundTrip(bench, peer)
      const wide = receiver.received.length
      receiver.consumer.resize(4)
      receiver.ack(...[...receiver.unsettled].slice(0, 12))
      await roundTrip(bench, peer)
      const narrowed = receiver.received.length
      receiver.release()
      await receiver.arrived(40)

      assert.deepEqual([narrow, wide, narrowed], [4, 16, 16])
      assert.deepEqual(
        receiver.texts,
        Array.from({ length: 40 }, (_, i) => String(i)),
      )
    },
  },
  {
    title: 'a key that waits for its next try keeps no other key from its messages, though it fills the window',
    needs: ['keyOrder'],
    async run(bench) {
      const taken: string[] = []
      let isClosed = true
      @Service('billing')
      class Billing {
        @Listener(OrderMoved, { concurrency: 2, retry: { attempts: 500, backoff: ['50ms'] } })
        on({ orderId, step }: OrderMoved): void {
          if (orderId === 'hot' && isClosed) throw new Error('Not yet.')
          taken.push(`${orderId}${step}`)
        }
      }
      const app = await bench.start([Billing])

      await app.publish(Array.from({ length: 10 }, (_, step) => new OrderMoved({ orderId: 'hot', step })))
      await app.publish(Array.from({ length: 5 }, (_, step) => new OrderMoved({ orderId: 'cold', step })))
      await bench.eventually(
        'the other key is done',
        () => taken.length === 5,
        () => [taken, app.health().consumers],
      )
      const { behind } = app.health().consumers[0] ?? {}
      isClosed = false
      await bench.eventually(
        'all are done',
        () => taken.length === 15,
        () => taken,
      )

      assert.equal(behind, 'hot')
      assert.deepEqual(taken, [...steps('cold', 5), ...steps('hot', 10)])
    },
  },
]

function steps(key: string, count: number): readonly string[] {
  return Array.from({ length: count }, (_, step) => `${key}${step}`)
}

/** A message to another group and back: whatever the broker was about to deliver before it is here. */
async function roundTrip(bench: Bench, peer: Peer): Promise<void> {
  const other = await peer.listen(bench.group('stock'), { window: 1000 })
  const marker = bench.messageTo({ kind: 'group', ...bench.group('stock') })
  await peer.send(marker)
  await other.got(marker.envelope.id)
  await other.stop()
}
