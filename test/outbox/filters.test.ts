import { outbox } from '@waybill/outbox'
import { memoryStore } from '@waybill/store-memory'
import { expect, test } from 'vitest'
import { startBed } from './bed.js'

test.each([
  [{ id: 'a' }, 'UNKNOWN_OPTION', 'has no option "id". Did you mean "ids"? Known options: shard, ids, key, code.'],
  [{ ids: 'a' }, 'OUTBOX_FILTER', '"ids" is a list of ids, such as [\'…\']; found "a".'],
  [{ ids: undefined }, 'OUTBOX_FILTER', '"ids" is a list of ids'],
  [{ key: '' }, 'OUTBOX_FILTER', '"key" is a text that is not empty; found "".'],
  [null, 'OUTBOX_FILTER', "takes an object that says which, such as { ids: ['…'] }; found null."],
])('parked messages are neither shown, retried nor discarded by the filter %j', async (filter, code, message) => {
  const { outbox: box } = await startBed({ services: [] })
  const expected = { faults: [{ code, message: expect.stringContaining(message) }] }

  await expect(box.parked(filter as never)).rejects.toMatchObject(expected)
  await expect(box.retry(filter as never)).rejects.toMatchObject(expected)
  await expect(box.discard(filter as never, 'by hand')).rejects.toMatchObject(expected)
})

test('parked messages are discarded for a reason', async () => {
  const { outbox: box } = await startBed({ services: [] })

  await expect(box.discard({ ids: ['a'] }, undefined as never)).rejects.toMatchObject({ message: expect.stringContaining('outbox.discard takes the reason') })
})

test.each([null, 7])('an outbox with %j for its options says so at start', (options) => {
  expect(outbox(memoryStore(), options as never).faults).toMatchObject([{ code: 'OUTBOX_OPTIONS', message: expect.stringContaining(`found ${options}`) }])
})
