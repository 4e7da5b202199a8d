import assert from 'node:assert/strict'
import type { Bench } from './bench.js'
import type { Scenario } from './contract-case.js'
import type { Peer } from './peer.js'

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
]

/** A message to another group and back: whatever the broker was about to deliver before it is here. */
async function roundTrip(bench: Bench, peer: Peer): Promise<void> {
  const other = await peer.listen(bench.group('stock'), { window: 1000 })
  const marker = bench.messageTo({ kind: 'group', ...bench.group('stock') })
  await peer.send(marker)
  await other.got(marker.envelope.id)
  await other.stop()
}
