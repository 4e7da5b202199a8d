import assert from 'node:assert/strict'
import { nothing } from './store-bench.js'
import type { StoreScenario } from './store-contract.js'

const strangeIds = [
  "'; DROP TABLE inbox; --",
  'ü€😀',
  ' ',
  'x'.repeat(255),
  '01936f2e-0000-7000-8000-000000000000',
  'ffffffff-ffff-7fff-bfff-ffffffffffff',
  '00000000-0000-8000-8000-000000000000',
  '{}',
  'null',
]

export const storeInbox: readonly StoreScenario[] = [
  {
    title: 'a message that was processed is a duplicate for its group, and for no other',
    async run(bench) {
      const store = await bench.open()
      await bench.commit(store, {}, undefined, { inbox: [{ group: 'billing', id: 'm-1' }] })

      const { transaction, verdicts } = await store.begin({
        inbox: [
          { group: 'billing', id: 'm-1' },
          { group: 'stock', id: 'm-1' },
          { group: 'billing', id: 'm-2' },
        ],
      })
      await transaction.rollback()

      assert.deepEqual(verdicts, [{ kind: 'duplicate', reply: undefined }, { kind: 'first' }, { kind: 'first' }])
    },
  },
  {
    title: 'any text is an id, whoever made it and whatever moment it claims',
    async run(bench) {
      const store = await bench.open()
      const inbox = [...strangeIds, bench.runtime.id()].map((id) => ({ group: 'billing', id }))

      const first = await store.begin({ inbox })
      await first.transaction.commit(nothing)
      const second = await store.begin({ inbox })
      await second.transaction.rollback()

      assert.deepEqual(
        first.verdicts.map(({ kind }) => kind),
        inbox.map(() => 'first'),
      )
      assert.deepEqual(
        second.verdicts.map(({ kind }) => kind),
        inbox.map(() => 'duplicate'),
      )
    },
  },
  {
    title: 'the reply that was stored comes with the duplicate, byte for byte',
    async run(bench) {
      const store = await bench.open()
      const entry = { group: 'prices', id: 'q-1' }
      const reply = Uint8Array.from({ length: 256 }, (_, byte) => byte)
      await bench.commit(store, { replies: [{ ...entry, reply }] }, undefined, { inbox: [entry] })

      const { transaction, verdicts } = await store.begin({ inbox: [entry] })
      await transaction.rollback()

      const [found] = verdicts
      assert.deepEqual([found?.kind, found?.kind === 'duplicate' && found.reply && [...found.reply]], ['duplicate', [...reply]])
    },
  },
  {
    title: 'the second of two that run at once waits for the first, and is a duplicate when that commits',
    async run(bench) {
      const store = await bench.open()
      const inbox = [{ group: 'billing', id: 'm-1' }]
      const first = await store.begin({ inbox })
      let isDecided = false
      const waiting = store.begin({ inbox }).finally(() => {
        isDecided = true
      })

      await bench.runtimeTurns()
      const before = isDecided
      await first.transaction.commit(nothing)
      const second = await bench.within('the second is told', waiting)
      await second.transaction.rollback()

      assert.deepEqual([before, second.verdicts], [false, [{ kind: 'duplicate', reply: undefined }]])
    },
  },
  {
    title: 'the second of two that run at once is the first one when that rolls back',
    async run(bench) {
      const store = await bench.open()
      const inbox = [{ group: 'billing', id: 'm-1' }]
      const first = await store.begin({ inbox })
      const waiting = store.begin({ inbox })

      await first.transaction.rollback()
      const second = await bench.within('the second is told', waiting)
      await second.transaction.rollback()

      assert.deepEqual(second.verdicts, [{ kind: 'first' }])
    },
  },
  {
    title: 'two batches that share messages in another order do not wait for each other for ever',
    async run(bench) {
      const store = await bench.open()
      const inbox = ['a', 'b', 'c'].map((id) => ({ group: 'billing', id }))
      const process = async (entries: typeof inbox): Promise<number> => {
        const { transaction, verdicts } = await store.begin({ inbox: entries })
        await transaction.commit(nothing)

        return verdicts.filter(({ kind }) => kind === 'first').length
      }

      const counts = await bench.within('both end', Promise.all([process(inbox), process([...inbox].reverse())]))

      assert.deepEqual([...counts].sort(), [0, 3])
    },
  },
  {
    title: 'what finds out late that it must happen once inserts later',
    async run(bench) {
      const store = await bench.open()
      const entry = { group: 'saga', id: 'tombstone' }

      await bench.commit(store, {}, async ({ transaction }) => assert.deepEqual(await transaction.inbox.insert([entry]), [{ kind: 'first' }]))
      const { transaction } = await store.begin({})
      const again = await transaction.inbox.insert([entry])
      await transaction.rollback()

      assert.deepEqual(again, [{ kind: 'duplicate', reply: undefined }])
    },
  },
  {
    title: 'a guard refuses what is older than the last of its key, and its message may come again',
    async run(bench) {
      const store = await bench.open()
      const entry = (id: string, sequence: bigint) => ({ group: 'billing', id, guard: { producer: 'orders', key: 'k', sequence } })
      await bench.commit(store, {}, undefined, { inbox: [entry('m-5', 5n)] })

      const { transaction, verdicts } = await store.begin({ inbox: [entry('m-4', 4n)] })
      await transaction.rollback()
      const other = await store.begin({ inbox: [{ ...entry('m-3', 3n), guard: { producer: 'orders', key: 'other', sequence: 3n } }] })
      await other.transaction.rollback()

      assert.deepEqual(verdicts, [{ kind: 'stale', last: 5n }])
      assert.deepEqual(other.verdicts, [{ kind: 'first' }])
    },
  },
  {
    title: 'cleaning up forgets nothing that is younger than asked for',
    async run(bench) {
      const store = await bench.open()
      const inbox = [bench.runtime.id(), ...strangeIds].map((id) => ({ group: 'billing', id }))
      await bench.commit(store, {}, undefined, { inbox })

      await store.inbox.clean(7 * 86_400_000)
      const { transaction, verdicts } = await store.begin({ inbox })
      await transaction.rollback()

      assert.deepEqual(new Set(verdicts.map(({ kind }) => kind)), new Set(['duplicate']))
    },
  },
]
