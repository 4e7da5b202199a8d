import assert from 'node:assert/strict'
import type { Outgoing } from '@waybill/core'
import type { Bench } from './bench.js'
import type { Scenario } from './contract-case.js'
import { moved } from './layout.js'
import type { Receiver } from './receiver.js'

export const order: readonly Scenario[] = [
  {
    title: 'messages of one key arrive in the order in which they were published',
    needs: ['keyOrder'],
    async run(bench) {
      const peer = await bench.peer()
      await peer.declare(bench.channel, { keyed: true, partitions: 3 })
      const receiver = await peer.listen(bench.group(), { window: 64 })

      for (const batch of keyedBatches(bench)) await peer.send(...batch)

      await receiver.arrived(600)
      inOrder([receiver])
    },
  },
  {
    title: 'two consumers of a group keep the order of each key',
    needs: ['keyOrder'],
    async run(bench) {
      const [one, two] = [await bench.peer(), await bench.another()]
      for (const each of [one, two]) await each.declare(bench.channel, { keyed: true, partitions: 3 })
      const receivers = [await one.listen(bench.group(), { window: 16 }), await two.listen(bench.group(), { window: 16 })]

      await Promise.all(keyedBatches(bench).map((batch) => one.give(batch)))

      await one.eventually('600 deliveries arrive at both together', () => receivers.reduce((sum, receiver) => sum + receiver.received.length, 0) >= 600)
      inOrder(receivers)
    },
  },
  {
    title: 'S12 the order of a key holds when its consumer stops and another goes on',
    needs: ['keyOrder'],
    async run(bench) {
      const [one, two] = [await bench.peer(), await bench.another()]
      for (const each of [one, two]) await each.declare(bench.channel, { keyed: true })
      const first = await one.listen(bench.group(), { window: 10, hold: true })
      await one.send(...bench.messages(40, (index) => ({ type: moved, key: 'same', headers: { sequence: index } })))
      await first.arrived(4)
      first.ack(...first.received.slice(0, 4))
      const done = first.received.slice(0, 4)

      await first.stop()
      const second = await two.listen(bench.group(), { window: 10 })
      await two.eventually('the last message arrives', () => second.texts.includes('39'))

      const seen = [...done.map((delivery) => Number(delivery.headers.sequence)), ...second.received.map((delivery) => Number(delivery.headers.sequence))]
      assert.deepEqual(
        seen,
        Array.from({ length: 40 }, (_, index) => index),
      )
    },
  },
  {
    title: 'messages with a key and without come to one consumer, within one window',
    async run(bench) {
      const peer = await bench.peer()
      await peer.declare(bench.channel, { keyed: true, partitions: 2 })
      const receiver = await peer.listen(bench.group(), { window: 5, hold: true })

      await peer.send(...bench.messages(30, (index) => (index % 2 ? { type: moved, key: `k${index % 6}` } : {})))
      await receiver.arrived(5)
      while (receiver.received.length < 30) {
        const before = receiver.received.length
        receiver.ack(...receiver.unsettled)
        await receiver.arrived(before + 1)
      }

      assert.equal(new Set(receiver.texts).size, 30)
      assert.ok(receiver.most <= 5, `At most 5 are unsettled; found ${receiver.most}.`)
    },
  },
]

/** 600 messages of 20 keys in batches of 60, each with its number within its key. */
function keyedBatches(bench: Bench): readonly (readonly Outgoing[])[] {
  return Array.from({ length: 10 }, (_, round) =>
    Array.from({ length: 60 }, (_, index) => {
      const sequence = round * 3 + Math.floor(index / 20)

      return bench.message({ type: moved, key: `key-${index % 20}`, headers: { sequence } })
    }),
  )
}

function inOrder(receivers: readonly Receiver[]): void {
  const byKey = new Map<unknown, number[]>()
  for (const delivery of receivers.flatMap((receiver) => receiver.received)) {
    const seen = byKey.get(delivery.envelope.subject) ?? []
    byKey.set(delivery.envelope.subject, [...seen, Number(delivery.headers.sequence)])
  }
  assert.equal(byKey.size, 20)
  for (const [key, seen] of byKey)
    assert.deepEqual(
      seen,
      Array.from({ length: 30 }, (_, index) => index),
      `The messages of "${String(key)}" are in order.`,
    )
}
