import assert from 'node:assert/strict'
import type { Lease, Parking, Store } from '@waybill/core'
import type { StoreBench } from './store-bench.js'
import type { StoreScenario } from './store-contract.js'

export const storeParked: readonly StoreScenario[] = [
  {
    title: 'O6 a row that cannot be sent is parked with those behind it of its key, and told so to the next owner',
    async run(bench) {
      const { store, lease } = await parked(bench)

      const listed = await store.outbox.parked({}, 10)
      const [status] = await store.outbox.status(['main'])

      assert.deepEqual(
        listed.map(({ id, key, code, isRetried, body }) => [id, key, code, isRetried, Buffer.from(body).toString()]),
        [
          ['m-1', 'a', 'UNROUTABLE', false, 'body of m-1'],
          ['m-2', undefined, 'REJECTED', false, 'body of m-2'],
          ['m-3', 'a', 'BEHIND', false, 'body of m-3'],
        ],
      )
      assert.deepEqual(await store.outbox.parkedKeys('main'), ['a'])
      assert.deepEqual([status?.pending, status?.parked], [0, 3])
      assert.deepEqual(await store.outbox.released(lease, 10), [])
      assert.deepEqual(await bench.drain(store, lease), [])
    },
  },
  {
    title: 'parked ones are found by what is known of them',
    async run(bench) {
      const { store } = await parked(bench)
      const found = async (filter: Parameters<Store['outbox']['parked']>[0]): Promise<readonly string[]> => (await store.outbox.parked(filter, 10)).map(({ id }) => id)

      assert.deepEqual(await found({ key: 'a' }), ['m-1', 'm-3'])
      assert.deepEqual(await found({ code: 'REJECTED' }), ['m-2'])
      assert.deepEqual(await found({ ids: ['m-3', 'nobody'] }), ['m-3'])
      assert.deepEqual(await found({ shard: 'other' }), [])
      assert.equal((await store.outbox.parked({}, 2)).length, 2)
    },
  },
  {
    title: 'a retry releases a parked row and those that only wait behind it, in their order',
    async run(bench) {
      const { store, lease } = await parked(bench)

      const count = await store.outbox.retry({ ids: ['m-1'] })
      const released = await store.outbox.released(lease, 10)
      const isOurs = await store.outbox.unpark(
        lease,
        released.map(({ seq }) => seq),
        [],
      )

      assert.deepEqual([count, released.map(({ id }) => id), isOurs], [1, ['m-1', 'm-3'], true])
      assert.deepEqual(await store.outbox.parkedKeys('main'), [])
      assert.deepEqual(
        (await store.outbox.parked({}, 10)).map(({ id }) => id),
        ['m-2'],
      )
    },
  },
  {
    title: 'what fails again is parked as before, with what follows it',
    async run(bench) {
      const { store, lease } = await parked(bench)
      await store.outbox.retry({ key: 'a' })

      const [first, second] = await store.outbox.released(lease, 10)
      assert.ok(first && second)
      await store.outbox.unpark(
        lease,
        [],
        [
          { row: first, code: 'TOO_LARGE', reason: 'still' },
          { row: second, code: 'BEHIND', reason: 'behind' },
        ],
      )

      assert.deepEqual(
        (await store.outbox.parked({ key: 'a' }, 10)).map(({ id, code, isRetried }) => [id, code, isRetried]),
        [
          ['m-1', 'TOO_LARGE', false],
          ['m-3', 'BEHIND', false],
        ],
      )
      assert.deepEqual(await store.outbox.released(lease, 10), [])
    },
  },
  {
    title: 'when the row in front is discarded, those behind it go',
    async run(bench) {
      const { store, lease } = await parked(bench)

      const gone = await store.outbox.discard({ ids: ['m-1'] })

      assert.deepEqual(
        gone.map(({ id }) => id),
        ['m-1'],
      )
      assert.deepEqual(
        (await store.outbox.released(lease, 10)).map(({ id }) => id),
        ['m-3'],
      )
    },
  },
  {
    title: 'an edited row has its new head and body',
    async run(bench) {
      const { store } = await parked(bench)
      const [row] = await store.outbox.parked({ ids: ['m-1'] }, 1)

      const isEdited = await store.outbox.edit('main', row?.seq ?? 0n, { body: Buffer.from('mended') })
      const isNot = await store.outbox.edit('main', 999_999_999n, { body: Buffer.from('x') })
      const [edited] = await store.outbox.parked({ ids: ['m-1'] }, 1)

      assert.deepEqual([isEdited, isNot, edited?.head, edited && Buffer.from(edited.body).toString()], [true, false, row?.head, 'mended'])
    },
  },
]

/** Two rows of a key of which the first cannot be sent, and one without a key. */
async function parked(bench: StoreBench): Promise<{ readonly store: Store; readonly lease: Lease }> {
  const store = await bench.open()
  const lease = await bench.lease(store)
  await bench.commit(store, { outbox: [bench.message('m-1', { key: 'a' }), bench.message('m-2'), bench.message('m-3', { key: 'a' }), bench.message('m-4', { key: 'b' })] })
  const page = await bench.page(store, lease)
  const codes = ['UNROUTABLE', 'REJECTED', 'BEHIND']
  const parkings = page.rows.slice(0, 3).map((row, index): Parking => ({ row, code: codes[index] ?? '', reason: 'a test' }))
  await store.outbox.advance(lease, { page, done: page.rows.length, parked: parkings })

  return { store, lease }
}
