import type { SagaRow, Store } from '@waybill/core'
import { memoryStore } from '@waybill/store-memory'
import { expect, onTestFinished, test } from 'vitest'
import { flush, hostOf } from '../setup/store-seam.js'
import { faultless } from '../simulation/seeds.js'

test('I8 sagas that were purged leave nothing in the memory store', async () => {
  const store = memoryStore()
  onTestFinished(() => store.close(1_000))
  await store.open(hostOf())
  await endAndPurge(store, 0, 500)
  const before = faultless.heapBytes()

  await endAndPurge(store, 500, 10_000)

  expect((faultless.heapBytes() - before) / 10_000, 'bytes of the heap for each').toBeLessThan(50)
}, 60_000)

async function endAndPurge(store: Store, from: number, count: number): Promise<void> {
  for (let n = from; n < from + count; n++) {
    const saga = ended(`s-${n}`)
    const { transaction } = await store.begin({})
    await transaction.sagas.insert(saga, [])
    await transaction.sagas.save({ saga, steps: [stepOf(saga.id)], entries: [{ at: 1, event: '{}' }], arm: [], disarm: undefined })
    await transaction.commit(flush())
  }
  await store.sagas.purge('checkout', ['completed'], 1_000)
}

function ended(id: string): SagaRow {
  return { name: 'checkout', id, definition: 1, status: 'completed', step: undefined, state: '{}', version: 1, startedAt: 1, updatedAt: 1, deadlineAt: undefined, trace: undefined }
}

function stepOf(id: string) {
  return { saga: 'checkout', id, step: 'pay', phase: 'do', attempt: 1, status: 'done', commandId: `c-${id}`, deadlineAt: undefined, result: undefined, error: undefined } as const
}
