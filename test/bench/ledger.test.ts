import { expect, test } from 'vitest'
import { Ledger } from './ledger.js'

test('what never came is lost, what came again is duplicated', () => {
  const ledger = new Ledger(4)

  for (const id of [0, 2, 2, 2]) ledger.see(id)

  expect(ledger.verdict).toEqual({ lost: 2, duplicated: 2 })
  expect(ledger.isComplete).toBe(false)
})

test('a ledger is complete when each id was seen', () => {
  const ledger = new Ledger(3)

  for (const id of [2, 0, 1]) ledger.see(id)

  expect(ledger.isComplete).toBe(true)
  expect(ledger.verdict).toEqual({ lost: 0, duplicated: 0 })
})

test('an id that nobody sent hides no loss', () => {
  const ledger = new Ledger(1)

  for (const id of [-1, 7, Number.NaN]) ledger.see(id)

  expect(ledger.verdict).toEqual({ lost: 1, duplicated: 3 })
})

test('an id that comes very often is counted each time', () => {
  const ledger = new Ledger(1)

  for (let time = 0; time < 1_000; time++) ledger.see(0)

  expect(ledger.verdict).toEqual({ lost: 0, duplicated: 999 })
})
