import assert from 'node:assert/strict'
import { idsOf, nothing } from './store-bench.js'
import type { StoreScenario } from './store-contract.js'

const names = (from: number, to: number): readonly string[] => Array.from({ length: to - from + 1 }, (_, index) => `m-${from + index}`)

export const storeOutbox: readonly StoreScenario[] = [
  {
    title: 'O3 what was committed is read as it was written, in order',
    async run(bench) {
      const store = await bench.open()
      const [one, two] = [
        bench.message('m-1', {
          key: 'ünïque "key"',
          body: Uint8Array.from({ length: 256 }, (_, byte) => byte),
          head: '{"text":"€ \\u0000"}',
          expiresAt: bench.runtime.now() + 60_000,
        }),
        bench.message('m-2', { body: new Uint8Array() }),
      ]
      await bench.commit(store, { outbox: [one, two] })

      const { rows } = await bench.page(store, await bench.lease(store))

      assert.deepEqual(
        rows.map(({ seq: _seq, storedAt: _at, body, ...rest }) => ({ ...rest, body: [...body] })),
        [one, two].map(({ body, ...rest }) => ({ ...rest, body: [...body] })),
      )
      assert.ok(rows[0] && rows[1] && rows[0].seq < rows[1].seq, 'The numbers grow.')
      assert.ok(Math.abs((rows[0]?.storedAt ?? 0) - bench.runtime.now()) < 60_000, 'It is stored now.')
    },
  },
  {
    title: 'pages are read ahead while the first is being sent, and each row comes once',
    async run(bench) {
      const store = await bench.open()
      await bench.commit(store, { outbox: names(1, 25).map((id) => bench.message(id)) })
      const lease = await bench.lease(store)

      const first = await bench.page(store, lease, 10)
      const second = await bench.page(store, lease, 10, first)
      await store.outbox.advance(lease, { page: first, done: 10, parked: [] })
      const third = await bench.page(store, lease, 10, second)
      await store.outbox.advance(lease, { page: second, done: 10, parked: [] })
      await store.outbox.advance(lease, { page: third, done: third.rows.length, parked: [] })

      assert.deepEqual([...idsOf(first), ...idsOf(second), ...idsOf(third)], names(1, 25))
      assert.deepEqual([first.isLast, second.isLast], [false, false])
      assert.deepEqual(await bench.drain(store, lease), [])
    },
  },
  {
    title: 'a page holds no more bytes than asked for, and at least one row',
    async run(bench) {
      const store = await bench.open()
      await bench.commit(store, { outbox: names(1, 4).map((id) => bench.message(id, { body: new Uint8Array(1_000) })) })
      const lease = await bench.lease(store)

      const page = await store.outbox.page(lease, { rows: 100, bytes: 2_200, after: undefined })
      const least = await store.outbox.page(lease, { rows: 100, bytes: 1, after: undefined })

      assert.deepEqual([idsOf(page), page.isLast, idsOf(least)], [names(1, 2), false, names(1, 1)])
    },
  },
  {
    title: 'what was not dealt with comes again, from the first row of it',
    async run(bench) {
      const store = await bench.open()
      await bench.commit(store, { outbox: names(1, 5).map((id) => bench.message(id)) })
      const lease = await bench.lease(store)

      const page = await bench.page(store, lease)
      await store.outbox.advance(lease, { page, done: 2, parked: [] })

      assert.deepEqual(await bench.drain(store, lease), names(3, 5))
    },
  },
  {
    title: 'O4 transactions that commit in the opposite order of their beginning: nothing is skipped, nothing comes twice',
    async run(bench) {
      const store = await bench.open()
      const lease = await bench.lease(store)
      if (!bench.capabilities.concurrent) return
      const early = (await store.begin({ inbox: [{ group: 'g', id: 'early' }] })).transaction
      const late = (await store.begin({ inbox: [{ group: 'g', id: 'late' }] })).transaction

      await late.commit({ ...nothing, outbox: [bench.message('late', { key: 'k' })] })
      const first = await bench.drain(store, lease)
      await bench.commit(store, { outbox: [bench.message('between', { key: 'k' })] })
      const second = await bench.drain(store, lease)
      await early.commit({ ...nothing, outbox: [bench.message('early', { key: 'k' })] })
      const third = await bench.drain(store, lease)

      assert.deepEqual([first, second, third], [['late'], ['between'], ['early']])
    },
  },
  {
    title: 'O4 many writers at once, some of which roll back: every committed row is read once, those of a key in the order of its commits',
    async run(bench) {
      const store = await bench.open()
      const lease = await bench.lease(store)
      const committed: string[] = []
      const read: string[] = []
      let writing = true
      const writer = async (writerNumber: number): Promise<void> => {
        for (let n = 0; n < 25; n++) {
          const key = `k-${(writerNumber * 7 + n) % 5}`
          const id = `${writerNumber}/${n}`
          const { transaction } = await store.begin({ inbox: [{ group: 'g', id }] })
          if (n % 5 === 4) await transaction.rollback()
          else {
            await bench.subject.put(transaction, key, id)
            await transaction.commit({ ...nothing, outbox: [bench.message(id, { key })] })
            committed.push(id)
          }
        }
      }
      const reader = async (): Promise<void> => {
        while (writing) {
          read.push(...(await bench.take(store, lease, 7)))
          await new Promise<void>((resolve) => bench.runtime.after(1, resolve))
        }
      }

      const reading = reader()
      await bench.within('all have written', Promise.all(Array.from({ length: 6 }, (_, index) => writer(index))))
      writing = false
      await reading
      read.push(...(await bench.drain(store, lease)))

      assert.deepEqual([...read].sort(), [...committed].sort())
      for (let key = 0; key < 5; key++) {
        const last = read.findLast((id) => keyOf(id) === key)
        assert.equal(last, await bench.subject.get(store, `k-${key}`), 'The last message of a key is that of the last commit to its row.')
      }
    },
  },
  {
    title: 'shards do not see each other',
    async run(bench) {
      const store = await bench.open()
      await bench.commit(store, { outbox: [bench.message('a', { shard: 'one' }), bench.message('b', { shard: 'two' })] })

      const [one, two] = [await bench.lease(store, { shard: 'one' }), await bench.lease(store, { shard: 'two' })]

      assert.deepEqual([await bench.drain(store, one), await bench.drain(store, two)], [['a'], ['b']])
    },
  },
  {
    title: 'what is appended outside a transaction is sent like the rest',
    async run(bench) {
      const store = await bench.open()

      await store.outbox.append([bench.message('m-1'), bench.message('m-2')])

      assert.deepEqual(await bench.drain(store, await bench.lease(store)), ['m-1', 'm-2'])
    },
  },
  {
    title: 'O5 of two relays one has the lease; the other gets it when it is given back',
    async run(bench) {
      const [store, other] = [await bench.open(), await bench.open()]
      const lease = await bench.lease(store)

      const denied = await other.outbox.lease('main', 'other', 60_000)
      const renewed = await store.outbox.renew(lease, 60_000)
      await store.outbox.release(lease)
      const given = await other.outbox.lease('main', 'other', 60_000)

      assert.deepEqual([denied, renewed, given?.owner], [undefined, true, 'other'])
      assert.ok(given && given.epoch > lease.epoch, 'Each owner has an epoch of its own.')
    },
  },
  {
    title: 'O5 an owner that slept past its lease notes nothing any more, and the next one sends what it left',
    async run(bench) {
      const [store, other] = [await bench.open(), await bench.open()]
      await bench.commit(store, { outbox: names(1, 3).map((id) => bench.message(id)) })
      const asleep = await bench.lease(store, { ttlMs: 50 })
      const page = await bench.page(store, asleep)

      let next = await other.outbox.lease('main', 'other', 60_000)
      await bench.eventually('the lease has ended', async () => {
        next ??= await other.outbox.lease('main', 'other', 60_000)
        return next !== undefined
      })

      assert.ok(next)
      assert.equal(await store.outbox.advance(asleep, { page, done: 3, parked: [] }), false)
      assert.equal(await store.outbox.renew(asleep, 60_000), false)
      assert.equal(await store.outbox.unpark(asleep, [], []), false)
      assert.deepEqual(await bench.drain(other, next), names(1, 3))
    },
  },
  {
    title: 'O1 a relay that dies after it had noted its progress leaves the rest to the next, and nothing else',
    async run(bench) {
      const [store, other] = [await bench.open(), await bench.open()]
      await bench.commit(store, { outbox: names(1, 6).map((id) => bench.message(id)) })
      const lease = await bench.lease(store)
      assert.deepEqual(await bench.take(store, lease, 4), names(1, 4))
      await store.outbox.release(lease)

      const next = await bench.lease(other, { owner: 'other' })

      assert.deepEqual(await bench.drain(other, next), names(5, 6))
    },
  },
  {
    title: 'O9 cleaning up removes what was sent and never what was not',
    async run(bench) {
      const store = await bench.open()
      const lease = await bench.lease(store)
      await bench.commit(store, { outbox: names(1, 4).map((id) => bench.message(id)) })
      const page = await bench.page(store, lease)
      await store.outbox.advance(lease, { page, done: 2, parked: [] })

      for (let times = 0; times < 3; times++) await store.outbox.clean()
      await bench.commit(store, { outbox: [bench.message('m-5', { shard: 'nobody reads it' })] })
      await store.outbox.clean()

      assert.deepEqual(await bench.drain(store, lease), names(3, 4))
      assert.deepEqual(await bench.drain(store, await bench.lease(store, { shard: 'nobody reads it' })), ['m-5'])
    },
  },
  {
    title: 'a shard that is paused gives nothing, and everything when it goes on',
    async run(bench) {
      const store = await bench.open()
      const lease = await bench.lease(store)
      await bench.commit(store, { outbox: [bench.message('m-1')] })

      await store.outbox.pause('main', true)
      const paused = await bench.page(store, lease)
      await store.outbox.pause('main', false)

      assert.deepEqual([paused.isPaused, idsOf(paused)], [true, []])
      assert.deepEqual(await bench.drain(store, lease), ['m-1'])
    },
  },
  {
    title: 'the status says how much waits, since when, and who sends it',
    async run(bench) {
      const store = await bench.open()
      const before = await store.outbox.status(['main', 'empty'])
      const lease = await bench.lease(store)
      await bench.commit(store, { outbox: names(1, 3).map((id) => bench.message(id)) })

      const [main] = await store.outbox.status(['main'])
      await bench.drain(store, lease)
      const [after] = await store.outbox.status(['main'])

      assert.deepEqual(
        before.map(({ shard, pending, oldestMs, parked, isPaused, owner }) => ({ shard, pending, oldestMs, parked, isPaused, owner })),
        ['main', 'empty'].map((shard) => ({ shard, pending: 0, oldestMs: undefined, parked: 0, isPaused: false, owner: undefined })),
      )
      assert.deepEqual([main?.pending, main?.owner, (main?.oldestMs ?? -1) >= 0], [3, 'me', true])
      assert.equal(after?.pending, 0)
    },
  },
  {
    title: 'a shard that is begun anew sends what is still there again',
    async run(bench) {
      const store = await bench.open()
      const lease = await bench.lease(store)
      await bench.commit(store, { outbox: [bench.message('m-1')] })
      await bench.drain(store, lease)
      await store.outbox.release(lease)

      await store.outbox.rebase('main')

      assert.deepEqual(await bench.drain(store, await bench.lease(store)), ['m-1'])
    },
  },
]

function keyOf(id: string): number {
  const [writer, n] = id.split('/').map(Number)

  return ((writer ?? 0) * 7 + (n ?? 0)) % 5
}
