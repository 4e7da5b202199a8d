import assert from 'node:assert/strict'
import { StoreConflict, StoreUnavailable } from '@waybill/core'
import { nothing } from './store-bench.js'
import type { StoreScenario } from './store-contract.js'

export const storeTransactions: readonly StoreScenario[] = [
  {
    title: 'what a transaction writes is there after its commit, and not before',
    async run(bench) {
      const store = await bench.open()
      const { transaction } = await store.begin({})

      await bench.subject.put(transaction, 'a', '1')
      const before = bench.capabilities.concurrent ? await bench.subject.get(store, 'a') : undefined
      await transaction.commit(nothing)

      assert.equal(before, undefined)
      assert.equal(await bench.subject.get(store, 'a'), '1')
    },
  },
  {
    title: 'O2 what is rolled back was never there: rows, messages, timers, what was processed',
    async run(bench) {
      const store = await bench.open()
      const inbox = [{ group: 'billing', id: 'm-1' }]
      const { transaction } = await store.begin({ inbox })
      await bench.subject.put(transaction, 'a', '1')
      await transaction.timers.arm([bench.timer('t-1', 60_000)])

      await transaction.rollback()
      const again = await store.begin({ inbox })
      await again.transaction.rollback()

      assert.deepEqual(again.verdicts, [{ kind: 'first' }])
      assert.equal(await bench.subject.get(store, 'a'), undefined)
      assert.deepEqual(await store.timers.list({}, 10), [])
      assert.deepEqual(await bench.drain(store, await bench.lease(store)), [])
    },
  },
  {
    title: 'a transaction that ended is rolled back again without harm',
    async run(bench) {
      const store = await bench.open()
      const { transaction } = await store.begin({})
      await bench.subject.put(transaction, 'a', '1')
      await transaction.commit(nothing)

      await transaction.rollback()

      assert.equal(await bench.subject.get(store, 'a'), '1')
    },
  },
  {
    title: 'two transactions that wait for each other: one is told of a conflict, the other commits',
    async run(bench) {
      const store = await bench.open()
      if (!bench.capabilities.concurrent) return
      const [one, two] = [(await store.begin({})).transaction, (await store.begin({})).transaction]
      await bench.subject.put(one, 'a', 'one')
      await bench.subject.put(two, 'b', 'two')

      const ends = await bench.within('one of the two is told', Promise.allSettled([finish(one, 'b'), finish(two, 'a')]))

      const refused = ends.flatMap((end) => (end.status === 'rejected' ? [end.reason as unknown] : []))
      assert.equal(refused.length, 1)
      assert.ok(store.isConflict(refused[0]), `Expected a conflict; found ${String(refused[0])}.`)

      async function finish(transaction: typeof one, key: string): Promise<void> {
        try {
          await bench.subject.put(transaction, key, 'both')
        } catch (error) {
          await transaction.rollback()
          throw error
        }
        await transaction.commit(nothing)
      }
    },
  },
  {
    title: 'with repeatable read, a row that somebody else has changed meanwhile is a conflict',
    async run(bench) {
      const store = await bench.open()
      if (!bench.capabilities.concurrent) return
      await bench.commit(store, {}, ({ transaction }) => bench.subject.put(transaction, 'a', '0'))
      const { transaction } = await store.begin({ isolation: 'repeatable read', inbox: [{ group: 'g', id: 'takes its snapshot' }] })
      await bench.commit(store, {}, (other) => bench.subject.put(other.transaction, 'a', '1'))

      const late = bench.subject.put(transaction, 'a', '2').then(() => transaction.commit(nothing))

      const error = await late.then(
        () => undefined,
        (reason: unknown) => reason,
      )
      await transaction.rollback()
      assert.ok(store.isConflict(error), `Expected a conflict; found ${String(error)}.`)
      assert.equal(await bench.subject.get(store, 'a'), '1')
    },
  },
  {
    title: 'a read-only transaction writes nothing',
    async run(bench) {
      const store = await bench.open()
      const { transaction } = await store.begin({ readOnly: true })

      await assert.rejects(
        bench.subject.put(transaction, 'a', '1').then(() => transaction.commit(nothing)),
        { code: 'READ_ONLY' },
      )
      await transaction.rollback()

      assert.equal(await bench.subject.get(store, 'a'), undefined)
    },
  },
  {
    title: 'what is published in a read-only transaction is refused, at once or later',
    async run(bench) {
      const store = await bench.open()
      const late = [bench.timer('t-1', 60_000)]

      for (const last of [{ outbox: [bench.message('m-1')] }, { timers: late }])
        await assert.rejects(bench.commit(store, last, undefined, { readOnly: true }), { name: 'WaybillError', code: 'READ_ONLY' })

      assert.deepEqual(await store.timers.list({}, 10), [])
      assert.deepEqual(await bench.drain(store, await bench.lease(store)), [])
    },
  },
  {
    title: 'a transaction of somebody else takes part of its messages with its own commit',
    async run(bench) {
      const store = await bench.open()
      const lease = await bench.lease(store)
      const own = (await store.begin({})).transaction

      const joined = store.join(bench.subject.foreign(own))
      await joined.commit({ outbox: [bench.message('m-1')], timers: [bench.timer('t-1', 60_000)], replies: [] })
      const before = bench.capabilities.concurrent ? await bench.drain(store, lease) : []
      await own.commit(nothing)

      assert.deepEqual(before, [])
      assert.deepEqual(await bench.drain(store, lease), ['m-1'])
      assert.deepEqual(
        (await store.timers.list({}, 10)).map(({ id }) => id),
        ['t-1'],
      )
    },
  },
  {
    title: 'what joined a transaction that is rolled back was never there',
    async run(bench) {
      const store = await bench.open()
      const own = (await store.begin({})).transaction

      await store.join(bench.subject.foreign(own)).commit({ ...nothing, outbox: [bench.message('m-1')] })
      await own.rollback()

      assert.deepEqual(await bench.drain(store, await bench.lease(store)), [])
    },
  },
  {
    title: 'something that is no transaction is refused with a sentence',
    async run(bench) {
      const store = await bench.open()

      for (const foreign of [undefined, null, 5, {}]) assert.throws(() => store.join(foreign), { name: /Error/, message: /transaction/i })
    },
  },
  {
    title: 'a transaction that is open too long is rolled back by the store itself',
    async run(bench) {
      const store = await bench.open()
      const { transaction } = await store.begin({ timeoutMs: 100 })
      await bench.subject.put(transaction, 'a', '1')

      await bench.eventually('the row is free again', async () => {
        const { transaction: other } = await store.begin({ timeoutMs: 1_000 })
        await bench.subject.put(other, 'a', '2')
        await other.commit(nothing)

        return true
      })

      await assert.rejects(transaction.commit(nothing))
      assert.equal(await bench.subject.get(store, 'a'), '2')
    },
  },
  {
    title: 'closing rolls back what is open, and nothing begins afterwards',
    async run(bench) {
      const [store, other] = [await bench.open(), await bench.open()]
      const { transaction } = await store.begin({})
      await bench.subject.put(transaction, 'a', '1')

      await store.close(1_000)
      await store.close(1_000)

      await assert.rejects(transaction.commit(nothing))
      await assert.rejects(store.begin({}), StoreUnavailable)
      assert.equal(await bench.subject.get(other, 'a'), undefined)
    },
  },
  {
    title: 'O12 a cut connection rolls back what was open, and the store works on',
    async run(bench) {
      const { cut } = bench.subject
      const store = await bench.open()
      if (!cut) return
      const { transaction } = await store.begin({})
      await bench.subject.put(transaction, 'a', '1')

      await cut.call(bench.subject)

      const error: unknown = await transaction.commit(nothing).catch((reason: unknown) => reason)
      assert.ok(error instanceof Error && !(error instanceof StoreConflict), `Expected that the connection is lost; found ${String(error)}.`)
      await transaction.rollback()
      await bench.eventually('the store works again', () =>
        bench
          .commit(store, {}, (begun) => bench.subject.put(begun.transaction, 'b', '2'))
          .then(
            () => true,
            () => false,
          ),
      )
      assert.deepEqual([await bench.subject.get(store, 'a'), await bench.subject.get(store, 'b')], [undefined, '2'])
    },
  },
  {
    title: 'health says that it is connected, and how much is open',
    async run(bench) {
      const store = await bench.open()
      const { transaction } = await store.begin({})

      const during = store.health()
      await transaction.rollback()

      assert.deepEqual([during.connected, during.reason, during.open >= 1], [true, undefined, true])
    },
  },
]
