import assert from 'node:assert/strict'
import type { Begun, Correlation, SagaChange, SagaRow, SagaStep, Store, Timer } from '@waybill/core'
import { nothing, type StoreBench } from './store-bench.js'
import type { StoreScenario } from './store-contract.js'

export const storeSagas: readonly StoreScenario[] = [
  {
    title: 'G1 a saga starts once, by its id and by each of its correlations',
    async run(bench) {
      const store = await bench.open()
      const order = { key: 'order', value: 'o-1' }

      const first = await insert(bench, store, saga(bench, 's-1'), [order])
      const sameId = await insert(bench, store, saga(bench, 's-1'), [])
      const sameOrder = await insert(bench, store, saga(bench, 's-2'), [order])
      const found = await store.sagas.get('checkout', 's-2')

      assert.deepEqual([first, sameId, sameOrder, found], [true, false, false, undefined])
      assert.deepEqual(await store.sagas.get('checkout', 's-1'), saga(bench, 's-1'))
    },
  },
  {
    title: 'G1 two that start at once: one saga',
    async run(bench) {
      const store = await bench.open()

      const started = await bench.within('both end', Promise.all([insert(bench, store, saga(bench, 's-1'), []), insert(bench, store, saga(bench, 's-1'), [])]))

      assert.deepEqual([...started].sort(), [false, true])
    },
  },
  {
    title: 'G3 two replies in parallel are both applied, one after the other',
    async run(bench) {
      const store = await bench.open()
      await insert(bench, store, saga(bench, 's-1'), [])
      const apply = (name: string): Promise<void> =>
        bench.commit(store, {}, async ({ transaction: { sagas } }) => {
          const known = await sagas.load('checkout', 's-1')
          assert.ok(known)
          const state = JSON.stringify([...(JSON.parse(known.saga.state) as string[]), name])
          assert.equal(await sagas.save(change({ ...known.saga, state })), true)
        })

      await bench.within('both end', Promise.all([apply('a'), apply('b')]))
      const row = await store.sagas.get('checkout', 's-1')

      assert.deepEqual([(JSON.parse(row?.state ?? '[]') as string[]).sort(), row?.version], [['a', 'b'], 3])
    },
  },
  {
    title: 'a save over a version that is gone changes nothing',
    async run(bench) {
      const store = await bench.open()
      await insert(bench, store, saga(bench, 's-1'), [])
      let isSaved = true

      await bench.commit(store, {}, async ({ transaction: { sagas } }) => {
        isSaved = await sagas.save(change({ ...saga(bench, 's-1'), version: 7, status: 'lost' }))
      })

      assert.deepEqual([isSaved, (await store.sagas.get('checkout', 's-1'))?.status], [false, 'running'])
    },
  },
  {
    title: 'an event finds its saga by what correlates them',
    async run(bench) {
      const store = await bench.open()
      const payment = { key: 'payment', value: 'p-1' }
      await insert(bench, store, saga(bench, 's-1'), [])
      await insert(bench, store, saga(bench, 's-2'), [])
      const found: unknown[] = []

      await bench.commit(store, {}, async ({ transaction: { sagas } }) => {
        found.push(await sagas.find('checkout', payment), await sagas.correlate('checkout', 's-1', payment), await sagas.correlate('checkout', 's-2', payment))
        found.push(await sagas.find('checkout', payment), await sagas.find('other', payment), await sagas.load('checkout', 'nobody'))
      })

      assert.deepEqual(found, [undefined, true, false, 's-1', undefined, undefined])
    },
  },
  {
    title: 'steps are found by their saga and by their command, each try by itself',
    async run(bench) {
      const store = await bench.open()
      await insert(bench, store, saga(bench, 's-1'), [])
      const [reserve, pay, again] = [step('reserve', 1, 'c-1'), step('pay', 1, 'c-2'), step('pay', 2, 'c-3')]
      const done = { ...reserve, status: 'done', result: '{"stock":"s"}' }
      const row = saga(bench, 's-1')
      const found: unknown[] = []

      await bench.commit(store, {}, saving(change(row, { steps: [reserve, pay] })))
      await bench.commit(store, {}, async ({ transaction: { sagas } }) => {
        await sagas.save(change({ ...row, version: 2 }, { steps: [done, again] }))
        found.push((await sagas.loadBy('checkout', 'c-1'))?.steps, await sagas.loadBy('checkout', 'nobody'), await sagas.loadBy('other', 'c-1'))
      })

      assert.deepEqual(found, [[done, pay, again], undefined, undefined])
      assert.deepEqual(await store.sagas.steps('checkout', 's-1'), [done, pay, again])
    },
  },
  {
    title: 'the id of a command goes from one try to the next within one save',
    async run(bench) {
      const store = await bench.open()
      const row = saga(bench, 's-1')
      await insert(bench, store, row, [])
      const [first, second] = [step('pay', 1, 'c-1'), step('pay', 2, 'c-1')]
      const left = { ...first, status: 'failed', commandId: undefined }

      await bench.commit(store, {}, saving(change(row, { steps: [first] })))
      await bench.commit(store, {}, saving(change({ ...row, version: 2 }, { steps: [left, second] })))

      assert.deepEqual(await store.sagas.steps('checkout', 's-1'), [left, second])
    },
  },
  {
    title: 'G5 timers are armed and disarmed with what a saga saves, but for those that are being fired, which it does not wait for',
    async run(bench) {
      const store = await bench.open()
      const row = saga(bench, 's-1')
      const timerOf = (id: string, dueInMs: number): Timer => bench.timer(id, dueInMs, { target: 'saga.checkout', subject: 's-1' })
      await insert(bench, store, row, [])
      const left = async (): Promise<readonly string[]> => (await store.timers.list({}, 10)).map(({ id }) => id)
      const arm = [timerOf('due', -1_000), timerOf('a', 60_000), timerOf('b', 60_000)]
      await bench.commit(store, { timers: [bench.timer('other', 60_000)] }, saving(change(row, { arm })))
      const firing = bench.capabilities.concurrent ? (await store.begin({})).transaction : undefined
      await firing?.timers.takeDue(['saga.checkout'], 1)

      await bench.within('it does not wait', bench.commit(store, {}, saving(change({ ...row, version: 2 }, { disarm: { ids: ['a', 'due'] }, arm: [timerOf('c', 60_000)] }))))
      await firing?.commit(nothing)
      const before = await left()
      await bench.commit(store, {}, saving(change({ ...row, version: 3 }, { disarm: { target: 'saga.checkout', subject: 's-1' } })))

      assert.deepEqual([[...before].sort(), await left()], [['b', 'c', 'other'], ['other']])
    },
  },
  {
    title: 'the history of a saga is read in the order in which it happened',
    async run(bench) {
      const store = await bench.open()
      await insert(bench, store, saga(bench, 's-1'), [])
      const entry = (n: number) => ({ at: 1_000 + n, event: `{"n":${n}}` })

      await bench.commit(store, {}, ({ transaction: { sagas } }) => sagas.append('checkout', 's-1', [entry(1), entry(2)]))
      await bench.commit(store, {}, ({ transaction: { sagas } }) => sagas.append('checkout', 's-1', [entry(3)]))

      assert.deepEqual(await store.sagas.history('checkout', 's-1'), [entry(1), entry(2), entry(3)])
      assert.deepEqual(await store.sagas.history('checkout', 'nobody'), [])
    },
  },
  {
    title: 'sagas are listed by status, step and age, page after page, and counted by definition and status',
    async run(bench) {
      const store = await bench.open()
      const old = bench.runtime.now() - 60_000
      await insert(bench, store, { ...saga(bench, 's-1'), updatedAt: old, step: 'pay' }, [])
      await insert(bench, store, { ...saga(bench, 's-2'), updatedAt: old + 1, status: 'stuck', definition: 2 }, [])
      await insert(bench, store, saga(bench, 's-3'), [])
      const list = async (filter: Parameters<Store['sagas']['list']>[0]): Promise<readonly string[]> => (await store.sagas.list(filter, 10)).map(({ id }) => id)
      const [first] = await store.sagas.list({}, 1)

      assert.deepEqual(await list({}), ['s-1', 's-2', 's-3'])
      assert.deepEqual(
        [await list({ status: 'stuck' }), await list({ step: 'pay' }), await list({ name: 'other' }), await list({ id: 's-3' }), await list({ idleMs: 30_000 })],
        [['s-2'], ['s-1'], [], ['s-3'], ['s-1', 's-2']],
      )
      assert.deepEqual(
        (await store.sagas.list({}, 10, first)).map(({ id }) => id),
        ['s-2', 's-3'],
      )
      assert.deepEqual([...(await store.sagas.live('checkout', ['stuck']))], [[1, 2]])
      assert.deepEqual(
        new Map(await store.sagas.counts('checkout', ['running', 'stuck', 'over'])),
        new Map([
          ['running', 2],
          ['stuck', 1],
        ]),
      )
      assert.deepEqual([...(await store.sagas.counts('other', ['running']))], [])
    },
  },
  {
    title: 'how many sagas of a definition have begun which steps is known, but for those that are over',
    async run(bench) {
      const store = await bench.open()
      const [row, other, over] = [saga(bench, 's-1'), { ...saga(bench, 's-2'), definition: 2 }, { ...saga(bench, 's-3'), status: 'completed' }]
      for (const one of [row, other, over]) await insert(bench, store, one, [])
      const left = { ...step('pay', 1, 'c-2'), status: 'failed', commandId: undefined }
      const skipped: SagaStep = { ...step('gift', 1, 'none'), status: 'skipped', commandId: undefined }
      const undone: SagaStep = { ...step('refund', 1, 'c-4'), phase: 'undo' }

      await bench.commit(store, {}, saving(change(row, { steps: [step('reserve', 1, 'c-1'), left, step('pay', 2, 'c-2'), skipped, undone] })))
      await bench.commit(store, {}, saving(change(other, { steps: [{ ...step('ship', 1, 'c-5'), id: 's-2' }] })))
      await bench.commit(store, {}, saving(change(over, { steps: [{ ...step('reserve', 1, 'c-6'), id: 's-3' }] })))

      assert.deepEqual([...(await store.sagas.begun('checkout', 1, ['completed']))].sort(), [
        ['pay', 1],
        ['reserve', 1],
      ])
      assert.deepEqual([...(await store.sagas.begun('other', 1, []))], [])
    },
  },
  {
    title: 'what ended long ago is purged with all that belongs to it',
    async run(bench) {
      const store = await bench.open()
      const order = { key: 'order', value: 'o-1' }
      const first: SagaRow = { ...saga(bench, 's-1'), status: 'completed', updatedAt: bench.runtime.now() - 60_000 }
      await insert(bench, store, first, [order])
      await insert(bench, store, { ...saga(bench, 's-2'), status: 'completed' }, [])
      await bench.commit(store, {}, saving(change(first, { steps: [step('pay', 1, 'c-1')] })))

      const purged = await store.sagas.purge('checkout', ['completed'], 30_000)

      assert.deepEqual([purged, await store.sagas.get('checkout', 's-1'), await store.sagas.steps('checkout', 's-1')], [1, undefined, []])
      assert.equal((await store.sagas.get('checkout', 's-2'))?.id, 's-2')
      assert.equal(await insert(bench, store, saga(bench, 's-9'), [order]), true)
    },
  },
]

const moments = new WeakMap<StoreBench, number>()

function saga(bench: StoreBench, id: string): SagaRow {
  const at = moments.get(bench) ?? bench.runtime.now()
  moments.set(bench, at)

  return { name: 'checkout', id, definition: 1, status: 'running', step: undefined, state: '[]', version: 1, startedAt: at, updatedAt: at, deadlineAt: undefined, trace: undefined }
}

function change(row: SagaRow, more: Partial<SagaChange> = {}): SagaChange {
  return { saga: row, steps: [], entries: [], arm: [], disarm: undefined, ...more }
}

function saving(made: SagaChange): (begun: Begun) => Promise<void> {
  return async ({ transaction }) => {
    assert.equal(await transaction.sagas.save(made), true)
  }
}

function step(name: string, attempt: number, commandId: string): SagaStep {
  return { saga: 'checkout', id: 's-1', step: name, phase: 'do', attempt, status: 'sent', commandId, deadlineAt: undefined, result: undefined, error: undefined }
}

async function insert(bench: StoreBench, store: Store, row: SagaRow, correlations: readonly Correlation[]): Promise<boolean> {
  let isNew = false
  await bench.commit(store, {}, async ({ transaction: { sagas } }) => {
    isNew = await sagas.insert(row, correlations)
  })

  return isNew
}
