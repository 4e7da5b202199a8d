import assert from 'node:assert/strict'
import type { Outgoing, RawDelivery } from '@waybill/core'
import type { Bench, Parts } from './bench.js'
import type { Scenario } from './contract-case.js'
import type { Peer } from './peer.js'
import { sameMessage } from './publishing.js'
import { textOf } from './receiver.js'

export const deadLetters: readonly Scenario[] = [
  {
    title: 'a dead letter is kept with its bytes and headers, and listing leaves it there',
    async run(bench) {
      const headers = { 'waybill-dead-reason': 'schema', 'waybill-dead-attempts': 5, tenant: 'acme' }
      const { peer, letters } = await withLetters(bench, 1, { headers, key: 'order-7', body: Buffer.from([0, 255, 128, 10]) })

      const first = await peer.transport.dead.list(bench.group(), 10)
      const second = await peer.transport.dead.list(bench.group(), 10)

      assert.deepEqual([first.length, second.length], [1, 1])
      for (const [found] of [first, second]) sameMessage(found as (typeof first)[number], letters[0] as (typeof letters)[number])
    },
  },
  {
    title: 'a dead letter with more headers than the broker can carry is kept, with its body, its envelope and its short headers',
    async run(bench) {
      const peer = await bench.peer()
      await peer.declare(bench.channel)
      const headers = { reason: 'short', large: 'x'.repeat(150_000), nested: { list: [1, { two: 'y'.repeat(2_000) }] } }
      const letter = bench.messageTo({ kind: 'dead', ...bench.group() }, { text: 'the body', key: 'k', headers })

      await peer.send(letter)

      await bench.eventually('it is on the list', async () => (await peer.transport.dead.list(bench.group(), 10)).length === 1)
      const [found] = await peer.transport.dead.list(bench.group(), 10)
      assert.deepEqual([found?.envelope.id, found?.envelope.subject, found && textOf(found), found?.headers.reason], [letter.envelope.id, 'k', 'the body', 'short'])
    },
  },
  {
    title: 'the list shows the oldest, as many as were asked for',
    async run(bench) {
      const { peer } = await withLetters(bench, 30)

      const ten = await peer.transport.dead.list(bench.group(), 10)
      const all = await peer.transport.dead.list(bench.group(), 100)

      assert.equal(ten.length, 10)
      assert.equal(new Set(all.map(textOf)).size, 30)
      assert.deepEqual(
        ten.map(textOf),
        Array.from({ length: 10 }, (_, index) => String(index)),
      )
    },
  },
  {
    title: 'a group without dead letters has an empty list',
    async run(bench) {
      const peer = await bench.peer()
      await peer.declare(bench.channel, { groups: ['billing', 'stock'] })
      await peer.send(bench.messageTo({ kind: 'dead', ...bench.group('stock') }))

      assert.deepEqual(await peer.transport.dead.list(bench.group('billing'), 10), [])
      assert.equal(await peer.transport.dead.take(bench.group('billing'), 10, () => Promise.resolve('remove')), 0)
      assert.equal((await peer.transport.dead.list(bench.group('stock'), 10)).length, 1)
    },
  },
  {
    title: 'taking removes what was decided and keeps the rest',
    async run(bench) {
      const { peer } = await withLetters(bench, 10)

      const removed = await peer.transport.dead.take(bench.group(), 100, (letter) => Promise.resolve(Number(textOf(letter)) % 2 ? 'remove' : 'keep'))

      const left = await peer.transport.dead.list(bench.group(), 100)
      assert.equal(removed, 5)
      assert.deepEqual(left.map(textOf).sort(), ['0', '2', '4', '6', '8'])
    },
  },
  {
    title: 'taking ends at a stop and at its limit, and shows one letter at a time',
    async run(bench) {
      const { peer } = await withLetters(bench, 10)
      const shown: string[] = []
      let open = 0

      const removed = await peer.transport.dead.take(bench.group(), 100, async (letter) => {
        assert.equal(++open, 1, 'One letter at a time.')
        shown.push(textOf(letter))
        await Promise.resolve()
        open--

        return shown.length < 4 ? 'remove' : 'stop'
      })
      const two = await peer.transport.dead.take(bench.group(), 2, () => Promise.resolve('remove'))

      const left = await peer.transport.dead.list(bench.group(), 100)
      assert.deepEqual([removed, two], [3, 2])
      assert.deepEqual(shown, ['0', '1', '2', '3'])
      assert.deepEqual(left.map(textOf).sort(), ['5', '6', '7', '8', '9'])
    },
  },
  {
    title: 'three hundred dead letters are all taken',
    async run(bench) {
      const { peer } = await withLetters(bench, 300)

      const removed = await peer.transport.dead.take(bench.group(), 1000, () => Promise.resolve('remove'))

      assert.equal(removed, 300)
      assert.deepEqual(await peer.transport.dead.list(bench.group(), 10), [])
    },
  },
  {
    title: 'a dead letter that is sent to its group again arrives there and is gone here',
    async run(bench) {
      const { peer } = await withLetters(bench, 3)
      const receiver = await peer.listen(bench.group())

      const removed = await peer.transport.dead.take(bench.group(), 100, async (letter) => {
        await peer.send(bench.messageTo({ kind: 'group', ...bench.group() }, { body: letter.body }))

        return 'remove'
      })

      await receiver.arrived(3)
      assert.equal(removed, 3)
      assert.deepEqual([...receiver.texts].sort(), ['0', '1', '2'])
      assert.deepEqual(await peer.transport.dead.list(bench.group(), 10), [])
    },
  },
  {
    title: 'two processes that take at once are never shown the same letter',
    async run(bench) {
      const { peer } = await withLetters(bench, 30)
      const other = await bench.another()
      const [mine, others]: [string[], string[]] = [[], []]
      let taking: Promise<number> | undefined

      await peer.transport.dead.take(bench.group(), 100, async (letter) => {
        taking ??= other.transport.dead.take(bench.group(), 100, async (its) => {
          others.push(textOf(its))

          return 'remove'
        })
        await peer.send(bench.messageTo({ kind: 'group', ...bench.group() }, { body: letter.body }))
        mine.push(textOf(letter))

        return 'remove'
      })
      await taking

      assert.deepEqual(
        [...mine, ...others].sort((a, b) => Number(a) - Number(b)),
        Array.from({ length: 30 }, (_, index) => String(index)),
      )
    },
  },
  {
    title: 'who looks while another process takes is shown each letter that stays',
    async run(bench) {
      const { peer } = await withLetters(bench, 10)
      const other = await bench.another()
      let looking: Promise<readonly RawDelivery[]> | undefined

      await peer.transport.dead.take(bench.group(), 100, async (letter) => {
        looking ??= other.transport.dead.list(bench.group(), 100)
        await peer.send(bench.messageTo({ kind: 'group', ...bench.group() }, { body: letter.body }))

        return 'keep'
      })

      assert.equal((await looking)?.length, 10)
    },
  },
  {
    title: 'a letter whose connection broke between its redrive and its removal goes, or stays and is redriven once more as the same message',
    async run(bench) {
      const { peer } = await withLetters(bench, 1)
      const receiver = await peer.listen(bench.group())
      const redrive = async (letter: RawDelivery): Promise<'remove'> => {
        await peer.send(bench.messageTo({ kind: 'group', ...bench.group() }, { body: letter.body, envelope: { id: String(letter.envelope.id) } }))

        return 'remove'
      }

      const broken = peer.transport.dead.take(bench.group(), 100, async (letter) => {
        await redrive(letter)
        await bench.subject.cut()

        return 'remove'
      })
      await broken.catch(() => undefined)
      await peer.eventually('it is connected again', () => peer.isEverywhere('connected'))
      let stayed: readonly RawDelivery[] = []
      await bench.eventually('the list can be read', async () => {
        stayed = await peer.transport.dead.list(bench.group(), 10)

        return true
      })
      const removed = await peer.transport.dead.take(bench.group(), 10, redrive)

      await receiver.arrived(1 + removed)
      assert.equal(removed, stayed.length)
      assert.deepEqual(new Set(receiver.received.map(({ envelope }) => envelope.id)).size, 1)
      assert.deepEqual(await peer.transport.dead.list(bench.group(), 10), [])
    },
  },
  {
    title: 'a decision that fails keeps its letter',
    async run(bench) {
      const { peer } = await withLetters(bench, 2)

      await peer.transport.dead.take(bench.group(), 100, () => Promise.reject(new Error('no decision'))).catch(() => undefined)

      assert.equal((await peer.transport.dead.list(bench.group(), 10)).length, 2)
    },
  },
  {
    title: 'dead letters are still on the list after the connection broke',
    async run(bench) {
      const { peer } = await withLetters(bench, 3)

      await bench.subject.cut()
      await peer.sendAtLast(() => bench.messageTo({ kind: 'dead', ...bench.group() }, { text: '3' }))

      let texts: readonly string[] = []
      // Publishing may be back before what looks at dead letters.
      await bench.eventually('the list can be read', async () => {
        texts = (await peer.transport.dead.list(bench.group(), 10)).map(textOf)

        return true
      })

      assert.deepEqual([...new Set(texts)].sort(), ['0', '1', '2', '3'])
    },
  },
]

async function withLetters(bench: Bench, count: number, parts: Parts = {}): Promise<{ readonly peer: Peer; readonly letters: readonly Outgoing[] }> {
  const peer = await bench.peer()
  await peer.declare(bench.channel)
  const letters = Array.from({ length: count }, (_, index) => bench.messageTo({ kind: 'dead', ...bench.group() }, { text: String(index), mandatory: true, ...parts }))
  await peer.send(...letters)

  return { peer, letters }
}
