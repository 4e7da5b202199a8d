import assert from 'node:assert/strict'
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
