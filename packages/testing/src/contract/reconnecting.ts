import assert from 'node:assert/strict'
import type { Outgoing, PublishOutcome, RawDelivery } from '@waybill/core'
import { within } from './condition.js'
import type { Scenario } from './contract-case.js'
import { pair } from './publishing.js'
import { textOf, type Receiver } from './receiver.js'

export const reconnecting: readonly Scenario[] = [
  {
    title: 'connections that break are restored, with their consumers',
    async run(bench) {
      const { peer, receiver } = await pair(bench)
      await peer.send(bench.message({ text: 'before' }))
      await receiver.arrived(1)

      await bench.subject.cut()
      await peer.sendAtLast(() => bench.message({ text: 'after' }))

      await peer.eventually(
        'the message published afterwards arrives',
        () => receiver.texts.includes('after'),
        () => receiver.texts,
      )
      await peer.eventually('the consumer says that it is attached', () => receiver.consumer.health().attached)
      await peer.eventually(
        'every connection is told to stand',
        () => peer.isEverywhere('connected'),
        () => peer.standing,
      )
    },
  },
  {
    title: 'P2 publishes under way when the connection breaks settle once each, and the confirmed ones arrive',
    async run(bench) {
      const { peer, receiver } = await pair(bench)
      const batch = bench.messages(500)

      const settled = peer.give(batch)
      await bench.subject.cut()
      const outcomes = await within('500 publishes settle', bench.patienceMs, settled)
      const marker = await peer.sendAtLast(() => bench.message())
      await receiver.got(marker.envelope.id)

      const ids = new Set(receiver.ids)
      assert.deepEqual(
        withOutcome(batch, outcomes, 'confirmed').filter((id) => !ids.has(id)),
        [],
        'Each confirmed message arrives.',
      )
      assert.deepEqual(
        withOutcome(batch, outcomes, 'rejected').filter((id) => ids.has(id)),
        [],
        'No rejected message arrives.',
      )
      assert.equal(
        outcomes.some((outcome) => outcome.kind === 'unroutable'),
        false,
      )
    },
  },
  {
    title: 'while the broker is away the transport is not writable, and says when it is again',
    async run(bench) {
      const { peer, receiver } = await pair(bench)
      const calls = peer.writableCalls

      await bench.subject.leave()
      await peer.eventually(
        'the loss is told with its reason',
        () => peer.states.some((state) => state.kind === 'lost' && Boolean(state.reason)),
        () => peer.states,
      )
      await peer.eventually('the transport is not writable', () => !peer.transport.writable)
      await peer.eventually('health says that the consumer is not attached, and why', () => !receiver.consumer.health().attached && Boolean(receiver.consumer.health().reason))
      const whileAway = peer.writableCalls
      await bench.subject.back()
      await peer.eventually('the transport says that it is writable', () => peer.transport.writable && peer.writableCalls > whileAway)
      await peer.eventually('the consumer is attached', () => receiver.consumer.health().attached)
      await peer.eventually(
        'every connection is told to stand',
        () => peer.isEverywhere('connected'),
        () => peer.standing,
      )
      await peer.send(bench.message({ text: 'after' }))

      await receiver.arrived(1)
      assert.equal(whileAway, calls)
    },
  },
  {
    title: 'C6 C9 what was held when the connection broke comes again or is still good, and each delivery knows which',
    async run(bench) {
      const { peer, receiver } = await pair(bench)
      receiver.hold = true
      await peer.send(...bench.messages(5))
      const old = (await receiver.arrived(5)).slice()
      assert.ok(
        old.every((delivery) => !delivery.isStale),
        'A delivery in hand is not stale.',
      )

      await bench.subject.cut()
      await receiver.got((await peer.sendAtLast(() => bench.message({ text: 'marker' }))).envelope.id)
      const isGone = old.some((delivery) => delivery.isStale)
      if (isGone)
        await peer.eventually(
          'all come again',
          () => again(receiver, old).length >= 5,
          () => receiver.texts,
        )
      receiver.ack(...old)

      assert.ok(
        old.every((delivery) => delivery.isStale === isGone),
        'All are stale or none is.',
      )
      assert.ok(isGone || peer.capabilities.kind === 'log', 'A queue takes back what its connection held.')
      assert.deepEqual(again(receiver, old).map(textOf).sort(), isGone ? old.map(textOf).sort() : [])
      assert.ok(
        again(receiver, old).every((delivery) => delivery.redelivered),
        'Each is marked as redelivered.',
      )
      assert.equal(receiver.consumer.health().lateSettles, isGone ? 5 : 0)
    },
  },
  {
    title: 'C5 a late settling does not take the place of the new one',
    async run(bench) {
      const { peer, receiver } = await pair(bench)
      receiver.hold = true
      await peer.send(...bench.messages(3))
      const old = (await receiver.arrived(3)).slice()
      await bench.subject.cut()
      await receiver.got((await peer.sendAtLast(() => bench.message({ text: 'marker' }))).envelope.id)
      const isGone = old.some((delivery) => delivery.isStale)
      if (isGone)
        await peer.eventually(
          'all come again',
          () => again(receiver, old).length >= 3,
          () => receiver.texts,
        )

      receiver.ack(...old)
      await receiver.stop()
      const other = await bench.another()
      await other.declare(bench.channel, { keyed: true })
      const next = await other.listen(bench.group())
      await other.eventually(
        'the marker comes again',
        () => next.texts.includes('marker'),
        () => next.texts,
      )

      const texts = next.texts.filter((text) => text !== 'marker')
      assert.deepEqual([...texts].sort(), isGone ? ['0', '1', '2'] : [])
    },
  },
  {
    title: 'connections that break again and again lose no message',
    async run(bench) {
      const { peer, receiver } = await pair(bench)
      const confirmed: unknown[] = []

      for (let round = 0; round < 4; round++) {
        const batch = bench.messages(50)
        await peer.eventually('the transport is writable', () => peer.transport.writable)
        const settled = peer.give(batch)
        await bench.subject.cut()
        confirmed.push(...withOutcome(batch, await within('50 publishes settle', bench.patienceMs, settled), 'confirmed'))
      }
      const marker = await peer.sendAtLast(() => bench.message())
      await receiver.got(marker.envelope.id)

      await peer.eventually('each confirmed message arrives', () => confirmed.every((id) => receiver.ids.includes(id)))
    },
  },
  {
    title: 'consumer and transport can be ended while the broker is away',
    async run(bench) {
      const { peer, receiver } = await pair(bench)
      receiver.hold = true
      await peer.send(...bench.messages(3))
      await receiver.arrived(3)
      await bench.subject.leave()
      await peer.eventually('the loss is told', () => peer.states.some((state) => state.kind === 'lost'))

      receiver.ack(...(receiver.received as readonly RawDelivery[]))
      await within('stop resolves', bench.patienceMs, receiver.stop())
      await within('close resolves', 2_000 + bench.patienceMs, peer.transport.close(2_000))

      assert.ok(peer.isEverywhere('closed'), `Every connection is told to be closed; found ${JSON.stringify(peer.standing)}.`)
    },
  },
]

/** What the receiver was given of those messages beside those deliveries. */
function again(receiver: Receiver, old: readonly RawDelivery[]): readonly RawDelivery[] {
  return receiver.received.filter((delivery) => !old.includes(delivery) && old.some(({ envelope }) => envelope.id === delivery.envelope.id))
}

function withOutcome(batch: readonly Outgoing[], outcomes: readonly PublishOutcome[], kind: PublishOutcome['kind']): readonly string[] {
  return batch.filter((_, index) => outcomes[index]?.kind === kind).map((message) => message.envelope.id)
}
