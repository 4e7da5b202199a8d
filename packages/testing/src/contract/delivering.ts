import assert from 'node:assert/strict'
import type { RawDelivery } from '@waybill/core'
import type { Scenario } from './contract-case.js'
import { lost, moved, placed } from './layout.js'
import { textOf } from './receiver.js'

export const delivering: readonly Scenario[] = [
  {
    title: 'B15 a message that was sent to one group says so, one that came over its channel does not',
    async run(bench) {
      const peer = await bench.peer()
      await peer.declare(bench.channel, { keyed: true })
      const receiver = await peer.listen(bench.group())
      const direct = { kind: 'group', ...bench.group() } as const

      await peer.send(
        bench.message({ text: 'over the channel', headers: { 'waybill-attempt': 5 } }),
        bench.message({ text: 'over the channel, with a key', type: moved, key: 'a' }),
      )
      await peer.send(bench.messageTo(direct, { text: 'to the group' }), bench.messageTo(direct, { text: 'to the group, with a key', type: moved, key: 'a' }))
      await receiver.arrived(4)

      for (const delivery of receiver.received) assert.equal(delivery.toGroup, textOf(delivery).startsWith('to the group'), textOf(delivery))
    },
  },
  {
    title: 'every group gets its own copy',
    async run(bench) {
      const peer = await bench.peer()
      await peer.declare(bench.channel, { groups: ['billing', 'stock', 'mail'] })
      const receivers = await Promise.all(['billing', 'stock', 'mail'].map((name) => peer.listen(bench.group(name))))

      await peer.send(...bench.messages(20))

      for (const receiver of receivers) assert.equal(new Set((await receiver.arrived(20)).map(textOf)).size, 20)
    },
  },
  {
    title: 'the members of a group share its messages, each message goes to one of them',
    async run(bench) {
      const [one, two] = [await bench.peer(), await bench.another()]
      for (const each of [one, two]) await each.declare(bench.channel, { partitions: 2 })
      const [left, right] = [await one.listen(bench.group(), { window: 10 }), await two.listen(bench.group(), { window: 10 })]

      let sent = 0
      const send = () => one.send(...bench.messages(10, () => ({ text: String(sent++) })))
      for (let part = 0; part < 20; part++) await send()
      // Where members share by partitions, the first one may still be on its way back from the rebalance that the second one began.
      await one.eventually('both work', async () => {
        if (left.received.length > 0 && right.received.length > 0) return true
        await send()

        return false
      })

      await one.eventually('all deliveries arrive at both together', () => left.received.length + right.received.length >= sent)
      assert.equal(new Set([...left.texts, ...right.texts]).size, sent)
      assert.equal(left.received.length + right.received.length, sent)
    },
  },
  {
    title: 'C3 a type that no group takes stays away from a queue and passes by on a log',
    async run(bench) {
      const peer = await bench.peer()
      await peer.declare(bench.channel)
      const receiver = await peer.listen(bench.group())
      const marker = bench.message({ text: 'marker' })

      await peer.send(bench.message({ type: lost, text: 'other' }))
      await peer.send(marker)
      await receiver.got(marker.envelope.id)

      assert.deepEqual(receiver.texts, peer.capabilities.kind === 'queue' ? ['marker'] : ['other', 'marker'])
    },
  },
  {
    title: 'a group that takes all gets every type of the channel, with a key and without',
    async run(bench) {
      const peer = await bench.peer()
      await peer.declare(bench.channel, { keyed: true, groups: [{ name: 'archive', types: 'all' }] })
      const receiver = await peer.listen(bench.group('archive'))

      await peer.send(bench.message({ text: 'a' }), bench.message({ type: lost, text: 'b' }), bench.message({ type: lost, key: 'k', text: 'c' }))

      await receiver.arrived(3)
      assert.deepEqual([...receiver.texts].sort(), ['a', 'b', 'c'])
    },
  },
  {
    title: 'a message to one group reaches that group alone',
    async run(bench) {
      const peer = await bench.peer()
      await peer.declare(bench.channel, { groups: ['billing', 'stock'], keyed: true })
      const [billing, stock] = [await peer.listen(bench.group('billing')), await peer.listen(bench.group('stock'))]
      const marker = bench.message({ text: 'marker' })

      const again = bench.messageTo({ kind: 'group', ...bench.group('billing') }, { text: 'again', headers: { 'waybill-attempt': 2 } })
      await peer.send(again, bench.messageTo({ kind: 'group', ...bench.group('billing') }, { text: 'keyed', key: 'a' }))
      await peer.send(marker)

      await Promise.all([billing.arrived(3), stock.got(marker.envelope.id)])
      assert.deepEqual([...billing.texts].sort(), ['again', 'keyed', 'marker'])
      assert.deepEqual(stock.texts, ['marker'])
      assert.equal(String((await billing.got(again.envelope.id)).headers['waybill-attempt']), '2')
    },
  },
  {
    title: 'a first delivery says where it was found and that it is the first',
    async run(bench) {
      const peer = await bench.peer()
      await peer.declare(bench.channel)
      const receiver = await peer.listen(bench.group())

      await peer.send(bench.message())
      await receiver.arrived(1)

      const delivery = receiver.received[0] as RawDelivery
      assert.ok(delivery.origin.address.includes(bench.channel), `The origin names queue or topic: ${delivery.origin.address}`)
      assert.ok(!delivery.deliveryCount, 'It was not delivered before.')
      assert.equal(delivery.envelope.type, placed)
    },
  },
  {
    title: 'a paused consumer is given nothing, and everything after it resumes',
    async run(bench) {
      const peer = await bench.peer()
      await peer.declare(bench.channel, { groups: ['billing', 'stock'] })
      const [billing, stock] = [await peer.listen(bench.group('billing')), await peer.listen(bench.group('stock'))]
      await peer.send(bench.message({ text: 'before' }))
      await Promise.all([billing.arrived(1), stock.arrived(1)])

      billing.consumer.pause()
      await peer.eventually('health says paused', () => billing.consumer.health().paused)
      await peer.send(bench.messageTo({ kind: 'group', ...bench.group('stock') }, { text: 'round trip' }))
      await stock.arrived(2)
      await peer.send(...bench.messages(5))
      await stock.arrived(7)
      const whilePaused = billing.received.length
      billing.consumer.resume()
      await billing.arrived(6)

      assert.equal(whilePaused, 1)
      assert.equal(billing.consumer.health().paused, false)
    },
  },
  {
    title: 'a consumer that stopped is given nothing more, another one takes over',
    async run(bench) {
      const peer = await bench.peer()
      await peer.declare(bench.channel)
      const first = await peer.listen(bench.group())
      await peer.send(bench.message({ text: 'first' }))
      await first.arrived(1)

      await first.stop()
      await peer.send(...bench.messages(10))
      const second = await peer.listen(bench.group())
      await second.arrived(10)

      assert.deepEqual(first.texts, ['first'])
      assert.equal(second.received.length, 10)
      assert.equal(first.consumer.health().attached, false)
    },
  },
  {
    title: 'a consumer can be stopped while it is paused, and twice',
    async run(bench) {
      const peer = await bench.peer()
      await peer.declare(bench.channel)
      const receiver = await peer.listen(bench.group())
      receiver.consumer.pause()

      await Promise.all([receiver.stop(), receiver.stop()])
      await receiver.stop()
      receiver.consumer.resume()

      assert.equal(receiver.consumer.health().attached, false)
    },
  },
]
