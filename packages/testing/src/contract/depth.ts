import assert from 'node:assert/strict'
import { BrokerRefused, WaybillError } from '@waybill/core'
import type { Scenario } from './contract-case.js'

export const depth: readonly Scenario[] = [
  {
    title: 'the transport tells how much waits for a group, with keys and without, and how much of it is dead',
    async run(bench) {
      const peer = await bench.peer()
      await peer.declare(bench.channel, { groups: ['billing', 'stock'] })
      await peer.send(bench.message(), bench.message({ key: 'a' }), bench.message({ key: 'b' }), bench.messageTo({ kind: 'dead', ...bench.group('billing') }))
      // A queue counts what it has a moment after it confirmed it.
      await bench.eventually('three wait and one is dead', async () => {
        const { waiting, dead } = await peer.transport.depth(bench.group('billing'))

        return waiting === 3 && dead === 1
      })

      assert.deepEqual(await counts(peer.transport.depth(bench.group('stock'))), { waiting: 3, dead: 0 })
    },
  },
  {
    title: 'the depth of a group that the broker does not know is refused',
    async run(bench) {
      const peer = await bench.peer()
      await peer.declare(bench.channel)

      const refusal = await bench.refusal('depth is refused', peer.transport.depth(bench.group('nobody')))

      assert.ok(refusal instanceof BrokerRefused, `It is refused for good; found ${String(refusal)}.`)
    },
  },
  {
    title: 'while the broker is away the depth of a group waits for nothing, and is told again when it is back',
    async run(bench) {
      const peer = await bench.peer()
      await peer.declare(bench.channel)
      await bench.subject.leave()
      await peer.eventually(
        'each connection is told to be lost',
        () => !Object.values(peer.standing).includes('connected'),
        () => peer.standing,
      )

      const refusal = await bench.refusal('depth rejects', peer.transport.depth(bench.group()))
      await bench.subject.back()

      assert.ok(refusal instanceof WaybillError && !(refusal instanceof BrokerRefused), `Asking again can help; found ${String(refusal)}.`)
      await bench.eventually('the depth is told again', () =>
        peer.transport.depth(bench.group()).then(
          ({ waiting }) => waiting === 0,
          () => false,
        ),
      )
    },
  },
  {
    title: 'what was taken and acknowledged waits no more',
    async run(bench) {
      const peer = await bench.peer()
      await peer.declare(bench.channel, { groups: ['billing'] })
      const receiver = await peer.listen(bench.group())
      await peer.send(...bench.messages(5))
      await receiver.arrived(5)

      await bench.eventually('nothing waits', async () => (await peer.transport.depth(bench.group())).waiting === 0)
    },
  },
]

async function counts(depth: Promise<{ readonly waiting: number; readonly dead: number | undefined }>): Promise<object> {
  const { waiting, dead } = await depth

  return { waiting, dead }
}
