import assert from 'node:assert/strict'
import type { Store, Timer } from '@waybill/core'
import { type StoreBench, nothing } from './store-bench.js'
import type { StoreScenario } from './store-contract.js'

export const storeTimers: readonly StoreScenario[] = [
  {
    title: 'timers are listed by when they are due, with what they carry',
    async run(bench) {
      const store = await bench.open()
      const [late, soon] = [bench.timer('late', 60_000), bench.timer('soon', 30_000, { target: 'saga', subject: 'order-1', payload: Uint8Array.of(0, 255) })]
      await bench.commit(store, { timers: [late] }, ({ transaction }) => transaction.timers.arm([soon]))

      const [first, second] = await store.timers.list({}, 10)

      assert.deepEqual([plain(first), plain(second)], [plain(soon), plain(late)])
      assert.deepEqual(await ids(store, { target: 'saga' }), ['soon'])
      assert.deepEqual(await ids(store, { subject: 'orders' }), ['late'])
      assert.deepEqual(await ids(store, { ids: ['late', 'nobody'] }), ['late'])
    },
  },
  {
    title: 'what is due is taken once, the earliest first, and what is not due stays',
    async run(bench) {
      const store = await bench.open()
      await bench.commit(store, { timers: [bench.timer('b', -1_000), bench.timer('a', -2_000), bench.timer('later', 60_000), bench.timer('other', -3_000, { target: 'saga' })] })

      const first = await take(bench, store, ['publish'])
      const second = await take(bench, store, ['publish'])

      assert.deepEqual([first, second, await ids(store, {})], [['a', 'b'], [], ['other', 'later']])
    },
  },
  {
    title: 'G5 a timer that was taken is back when the transaction rolls back',
    async run(bench) {
      const store = await bench.open()
      await bench.commit(store, { timers: [bench.timer('a', -1_000)] })
      const { transaction } = await store.begin({})
      const taken = await transaction.timers.takeDue(['publish'], 10)

      await transaction.rollback()

      assert.deepEqual([taken.map(({ id }) => id), await take(bench, store, ['publish'])], [['a'], ['a']])
    },
  },
  {
    title: 'two that fire at once pass over what the other has',
    async run(bench) {
      const store = await bench.open()
      if (!bench.capabilities.concurrent) return
      await bench.commit(store, { timers: [bench.timer('a', -2_000), bench.timer('b', -1_000)] })
      const [one, two] = [(await store.begin({})).transaction, (await store.begin({})).transaction]

      const first = await one.timers.takeDue(['publish'], 1)
      const second = await bench.within('the second does not wait', two.timers.takeDue(['publish'], 10))
      await one.commit(nothing)
      await two.commit(nothing)

      assert.deepEqual([first.map(({ id }) => id), second.map(({ id }) => id)], [['a'], ['b']])
    },
  },
  {
    title: 'a timer moves, is replaced, and is cancelled within a transaction',
    async run(bench) {
      const store = await bench.open()
      await bench.commit(store, { timers: [bench.timer('a', 60_000), bench.timer('b', 60_000), bench.timer('c', 60_000)] })
      const moves: boolean[] = []
      let cancelled: readonly string[] = []

      await bench.commit(store, { timers: [bench.timer('b', -500, { subject: 'another' })] }, async ({ transaction: { timers } }) => {
        moves.push(await timers.move('a', bench.runtime.now() - 1_000), await timers.move('nobody', 0))
        cancelled = [...(await timers.cancel({ ids: ['c'] })), ...(await timers.cancel({ ids: ['nobody'] }))]
      })

      assert.deepEqual([moves, cancelled], [[true, false], ['c']])
      assert.deepEqual(await ids(store, { subject: 'another' }), ['b'])
      assert.deepEqual(await take(bench, store, ['publish']), ['a', 'b'])
    },
  },
  {
    title: 'a timer that is due at another moment by now is not moved, where that is asked',
    async run(bench) {
      const store = await bench.open()
      const armed = bench.timer('a', 60_000)
      const moves: boolean[] = []
      await bench.commit(store, { timers: [armed] })

      await bench.commit(store, {}, async ({ transaction: { timers } }) => {
        moves.push(await timers.move('a', armed.dueAt + 1_000, armed.dueAt - 1), await timers.move('a', armed.dueAt + 2_000, armed.dueAt))
      })

      assert.deepEqual([moves, (await store.timers.list({}, 10)).map(({ dueAt }) => dueAt - armed.dueAt)], [[false, true], [2_000]])
    },
  },
  {
    title: 'the next one that is due is known, so that nobody looks too often',
    async run(bench) {
      const store = await bench.open()
      const none = await store.timers.nextDueMs(['publish'])
      await bench.commit(store, { timers: [bench.timer('a', 60_000), bench.timer('s', -1, { target: 'saga' })] })

      const next = await store.timers.nextDueMs(['publish'])
      const due = await store.timers.nextDueMs(['publish', 'saga'])

      assert.deepEqual([none, due], [undefined, 0])
      assert.ok(next !== undefined && next > 30_000 && next <= 60_100, `Expected about a minute; found ${next}.`)
    },
  },
]

async function take(bench: StoreBench, store: Store, targets: readonly string[]): Promise<readonly string[]> {
  let taken: readonly Timer[] = []
  await bench.commit(store, {}, async ({ transaction }) => {
    taken = await transaction.timers.takeDue(targets, 10)
  })

  return taken.map(({ id }) => id)
}

async function ids(store: Store, filter: Parameters<Store['timers']['list']>[0]): Promise<readonly string[]> {
  return (await store.timers.list(filter, 10)).map(({ id }) => id)
}

function plain(timer: Timer | undefined): unknown {
  return timer && { ...timer, payload: [...timer.payload] }
}
