import assert from 'node:assert/strict'
import type { GroupAddress, RawDelivery, Starts } from '@waybill/core'
import { within } from './condition.js'
import type { Bench } from './bench.js'
import type { Scenario } from './contract-case.js'
import type { Peer } from './peer.js'
import type { Receiver } from './receiver.js'

/** How often a message was begun and never ended. */
export const starts: readonly Scenario[] = [
  {
    title: 'R11 a start that never ended is counted, whoever begins next',
    needs: ['starts'],
    async run(bench) {
      const { peer, receiver } = await holder(bench)
      await peer.send(...bench.messages(2))
      const [one, other] = (await receiver.arrived(2)) as [RawDelivery, RawDelivery]
      const begun = [await begin(peer, bench.group(), one)]
      await bench.subject.cut()
      await peer.close()

      const next = await holder(bench)
      const again = await next.receiver.got(String(one.envelope.id))
      begun.push(await begin(next.peer, bench.group(), again))
      await ended(next.peer, bench.group(), again, 1)
      begun.push(await begin(next.peer, bench.group(), again))
      await ended(next.peer, bench.group(), again, 0)
      begun.push(await begin(next.peer, bench.group(), again))

      assert.deepEqual(begun, [0, 1, 1, 0])
      assert.equal(await begin(next.peer, bench.group(), await next.receiver.got(String(other.envelope.id))), 0, 'Another message is counted by itself.')
      assert.equal(await begin(next.peer, bench.group('shipping'), again), 0, 'Another group counts by itself.')
    },
    async without(bench) {
      const peer = await bench.peer()

      assert.equal(peer.transport.starts, undefined)
    },
  },
  {
    title: 'R11 a start that ended after its connection was lost has ended',
    needs: ['starts'],
    async run(bench) {
      const { peer, receiver } = await holder(bench)
      await peer.send(bench.message())
      const [delivery] = (await receiver.arrived(1)) as [RawDelivery]
      const begun = [await begin(peer, bench.group(), delivery)]

      await bench.subject.cut()
      await ended(peer, bench.group(), delivery, 0)
      await peer.eventually('it comes again, or is still in hand', () => !delivery.isStale || receiver.received.length > 1)
      begun.push(await begin(peer, bench.group(), receiver.received.at(-1) as RawDelivery))

      assert.deepEqual(begun, [0, 0])
    },
  },
]

async function holder(bench: Bench): Promise<{ readonly peer: Peer; readonly receiver: Receiver }> {
  const peer = await bench.another()
  await peer.declare(bench.channel, { groups: ['billing', 'shipping'] })

  return { peer, receiver: await peer.listen(bench.group(), { hold: true }) }
}

function begin(peer: Peer, of: GroupAddress, delivery: RawDelivery): Promise<number> {
  return within('begin resolves', peer.patienceMs, startsOf(peer).begin(of, delivery))
}

function ended(peer: Peer, of: GroupAddress, delivery: RawDelivery, left: number): Promise<void> {
  return within('ended resolves', peer.patienceMs, startsOf(peer).ended(of, delivery, left))
}

function startsOf({ transport }: Peer): Starts {
  assert.ok(transport.starts, 'Whose capability says that it counts starts has what counts them.')

  return transport.starts
}
