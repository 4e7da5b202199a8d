import assert from 'node:assert/strict'
import { header } from '@waybill/core'
import type { Bench } from './bench.js'
import type { Scenario } from './contract-case.js'
import { moved } from './layout.js'
import { textOf } from './receiver.js'

export const timing: readonly Scenario[] = [
  {
    title: 'a delayed message comes after its delay and not before',
    needs: ['groupDelay'],
    async run(bench) {
      const peer = await bench.peer()
      await peer.declare(bench.channel, { groups: ['billing', 'stock'] })
      const [billing, stock] = [await peer.listen(bench.group('billing')), await peer.listen(bench.group('stock'))]

      const from = bench.runtime.elapsed()
      await peer.send(bench.messageTo({ kind: 'group', ...bench.group('billing') }, { text: 'later', delayMs: 1_000, headers: { 'waybill-attempt': 2 } }))
      await peer.send(bench.message({ text: 'now' }))
      await billing.arrived(2)
      const tookMs = bench.runtime.elapsed() - from

      assert.deepEqual(billing.texts, ['now', 'later'])
      assert.deepEqual(stock.texts, ['now'])
      assert.ok(tookMs >= 990, `It waits 1,000 ms; it came after ${Math.round(tookMs)} ms.`)
      assert.equal(String(billing.received[1]?.headers['waybill-attempt']), '2')
      assert.equal(billing.received[1]?.toGroup, true, 'R2 It says that it was sent to the group alone.')
    },
  },
  {
    title: 'a delayed message to a channel comes to every group after its delay',
    needs: ['delay'],
    async run(bench) {
      const peer = await bench.peer()
      await peer.declare(bench.channel, { groups: ['billing', 'stock'], keyed: true })
      const receivers = [await peer.listen(bench.group('billing')), await peer.listen(bench.group('stock'))]

      const from = bench.runtime.elapsed()
      const delayed = [bench.message({ text: 'plain', delayMs: 1_000 }), bench.message({ text: 'keyed', type: moved, key: 'a', delayMs: 1_000 })]
      await peer.send(...delayed)
      await Promise.all(receivers.map((receiver) => receiver.arrived(2)))

      assert.ok(bench.runtime.elapsed() - from >= 990, 'It waits 1,000 ms.')
      for (const receiver of receivers) assert.deepEqual([...receiver.texts].sort(), ['keyed', 'plain'])
    },
  },
  {
    title: 'a message that expired is not delivered, and its dead letter says so',
    needs: ['expiry'],
    async run(bench) {
      const peer = await bench.peer()
      await peer.declare(bench.channel)
      await peer.send(bench.message({ text: 'short', expiresMs: 50 }), bench.message({ text: 'long', expiresMs: 60_000 }), bench.message({ text: 'for ever' }))
      await passing(bench, 200)

      const receiver = await peer.listen(bench.group())
      await receiver.arrived(2)

      assert.deepEqual([...receiver.texts].sort(), ['for ever', 'long'])
      const letters = () => peer.transport.dead.list(bench.group(), 9)
      await bench.eventually('it is a dead letter', async () => (await letters()).length > 0)
      assert.deepEqual(
        (await letters()).map(({ headers }) => headers[header.deadReason]),
        ['broker-expired'],
      )
    },
  },
  {
    title: 'a message of a higher priority overtakes those that wait',
    needs: ['priority'],
    async run(bench) {
      const peer = await bench.peer()
      await peer.declare(bench.channel, { options: { queue: { type: 'classic', arguments: { 'x-max-priority': 9 } } } })
      await peer.send(...[0, 5, 9].map((priority) => bench.message({ text: String(priority), priority })))

      const receiver = await peer.listen(bench.group(), { window: 1 })

      assert.deepEqual((await receiver.arrived(3)).map(textOf), ['9', '5', '0'])
    },
  },
]

/** Resolves when that time has passed on the clock: what expires is a matter of time and nothing else tells of it. */
function passing(bench: Bench, ms: number): Promise<void> {
  const end = bench.runtime.elapsed() + ms

  return bench.peer().then((peer) => peer.eventually(`${ms} ms pass`, () => bench.runtime.elapsed() >= end))
}
