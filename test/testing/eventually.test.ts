import { eventually } from '@waybill/testing'
import { expect, test } from 'vitest'

test('it resolves with the answer as soon as the condition holds', async () => {
  let tries = 0

  const answer = await eventually(async () => (++tries < 15 ? false : 'done'))

  expect(answer).toBe('done')
  expect(tries).toBe(15)
})

test('an assertion that throws is tried again until it does not', async () => {
  let value = 0
  setImmediate(() => {
    value = 1
  })

  await eventually(() => expect(value).toBe(1))
})

test('an answer of 0, an empty text or nothing counts as met', async () => {
  expect(await eventually(() => 0)).toBe(0)
  expect(await eventually(() => '')).toBe('')
  expect(await eventually(() => undefined)).toBeUndefined()
})

test('after the deadline it rejects with the last reason', async () => {
  const reason = new Error('3 of 4 arrived')

  const failure = eventually(() => Promise.reject(reason), { within: 30 })

  await expect(failure).rejects.toThrow(/within 30 ms; it did not in \d+ tries\. Last reason: 3 of 4 arrived/)
  await expect(failure).rejects.toMatchObject({ cause: reason })
  await expect(eventually(() => false, { within: 0 })).rejects.toThrow('the condition answered false')
})
