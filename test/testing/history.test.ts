import { history, type History } from '@waybill/testing'
import { expect, test } from 'vitest'

const groups = ['billing', 'stock']

/** Three messages of one key, confirmed and processed in order by both groups. */
function flawless(): History {
  const record = history()
  for (const [sequence, id] of ['a', 'b', 'c'].entries()) {
    record.attempted(id)
    record.confirmed(id)
    for (const group of groups) record.processed({ id, group, key: 'k', sequence })
  }

  return record
}

test('a flawless history shows nothing', () => {
  const verdict = flawless().check({ groups })

  expect(verdict).toMatchObject({ attempted: 3, confirmed: 3, rejected: 0, unknown: 0, processed: 6 })
  expect(verdict).toMatchObject({ unsettled: [], lost: [], duplicated: [], unexpected: [], contradicted: [], reordered: [] })
})

test('a confirmed message that a group never processed is lost there', () => {
  const record = flawless()
  record.attempted('d')
  record.confirmed('d')
  record.processed({ id: 'd', group: 'stock' })

  expect(record.check({ groups }).lost).toEqual([{ id: 'd', group: 'billing' }])
})

test('a group that never processed anything has lost everything', () => {
  const { lost } = flawless().check({ groups: ['mail'] })

  expect(lost).toEqual(['a', 'b', 'c'].map((id) => ({ id, group: 'mail' })))
})

test('what was rejected, unknown or unsettled and never arrived is not lost', () => {
  const record = history()
  for (const id of ['r', 'u', 'o']) record.attempted(id)
  record.rejected('r')
  record.unknown('u')

  const verdict = record.check({ groups })

  expect(verdict).toMatchObject({ attempted: 3, confirmed: 0, rejected: 1, unknown: 1, unsettled: ['o'], lost: [] })
})

test('a message processed twice by one group is duplicated, and the other group is not blamed', () => {
  const record = flawless()
  record.processed({ id: 'b', group: 'billing', key: 'k', sequence: 1 })
  record.processed({ id: 'b', group: 'billing', key: 'k', sequence: 1 })

  const verdict = record.check({ groups })

  expect(verdict.duplicated).toEqual([{ id: 'b', group: 'billing', times: 3 }])
  expect(verdict.reordered).toEqual([])
})

test('what was processed and never attempted is unexpected', () => {
  const record = flawless()
  record.processed({ id: 'ghost', group: 'stock' })

  expect(record.check({ groups }).unexpected).toEqual([{ id: 'ghost', group: 'stock' }])
})

test('a rejected message that was processed contradicts its outcome', () => {
  const record = history()
  record.attempted('a')
  record.rejected('a')
  record.processed({ id: 'a', group: 'stock' })

  expect(record.check({ groups: ['stock'] }).contradicted).toEqual([{ id: 'a', group: 'stock' }])
})

test('a rejected attempt beside one that is open, unknown or confirmed contradicts nothing', () => {
  const record = history()
  record.attempted('again')
  record.rejected('again')
  record.attempted('again')
  record.attempted('both')
  record.attempted('both')
  record.rejected('both')
  for (const id of ['again', 'both']) record.processed({ id, group: 'stock' })

  const verdict = record.check({ groups: ['stock'] })

  expect(verdict).toMatchObject({ contradicted: [], unsettled: ['again'], unknown: 1, rejected: 0 })
})

test('a first processing after one with a higher sequence of its key is reordered', () => {
  const record = history()
  for (const [id, sequence] of [
    ['a', 1],
    ['c', 3],
    ['b', 2],
    ['d', 4],
  ] as const) {
    record.attempted(id)
    record.processed({ id, group: 'stock', key: 'k', sequence })
  }

  expect(record.check({ groups: ['stock'] }).reordered).toEqual([{ id: 'b', group: 'stock', key: 'k', sequence: 2, after: 3 }])
})

test('other keys, other groups and messages without a key have no order among them', () => {
  const record = history()
  for (const id of [1, 2, 3, 4]) record.attempted(id)
  record.processed({ id: 4, group: 'stock', key: 'k', sequence: 4 })
  record.processed({ id: 1, group: 'stock', key: 'other', sequence: 1 })
  record.processed({ id: 2, group: 'billing', key: 'k', sequence: 2 })
  record.processed({ id: 3, group: 'stock' })

  expect(record.check({ groups: ['stock'] }).reordered).toEqual([])
})

test('an outcome of what was never attempted is a mistake of the test', () => {
  expect(() => history().confirmed('a')).toThrow('The history got an outcome of "a", which was never attempted. Call "attempted" before publishing.')
})

test.each([
  ['no options', undefined, 'found undefined'],
  ['no groups', {}, 'found undefined'],
  ['an empty list of groups', { groups: [] }, 'found []'],
  ['a group in place of a list', { groups: 'billing' }, 'found "billing"'],
  ['what is no group', { groups: ['billing', 5] }, 'found ["billing",5]'],
])('a check with %s is refused: it would find nothing lost', (_title, options, found) => {
  const record = history()
  record.attempted('a')
  record.confirmed('a')

  expect(() => record.check(options as never)).toThrow(
    `The history's "check" takes { groups }, a list of at least one group that should have processed every confirmed message; ${found}.`,
  )
})

test.each([
  [{ id: 'a', group: 'g', key: 'k', sequence: '10' }, 'takes the "sequence" of "a" as a number, so that 9 comes before 10; found "10"'],
  [{ id: 'a', group: 'g', key: 'k', sequence: Number.NaN }, 'found NaN'],
  [{ id: 'a', group: 'g', key: 'k', sequence: null }, 'found null'],
  [{ id: 'a', group: 'g', key: 5, sequence: 1 }, 'takes the "key" of "a" as a text; found 5'],
  [{ id: 'a' }, 'takes the "group" that processed "a", a text; found undefined'],
  [{ group: 'g' }, 'takes the id of a message, a text or a number; found undefined'],
  [undefined, 'takes the id of a message'],
])('a processing that could not be judged is refused: %j', (processing, says) => {
  const record = history()

  expect(() => record.processed(processing as never)).toThrow(says)
  expect(record.check({ groups: ['g'] }).processed).toBe(0)
})

test('an id that is none is refused before it is published', () => {
  for (const id of [undefined, null, Number.NaN, {}]) expect(() => history().attempted(id as never)).toThrow('"attempted" takes the id of a message')
})

test('a verdict describes itself with figures and the first ids', () => {
  const record = flawless()
  for (let n = 1; n <= 7; n++) record.processed({ id: `g${n}`, group: 'stock' })
  record.processed({ id: 'a', group: 'stock' })

  expect(record.check({ groups }).describe()).toBe(
    [
      'attempted 3: confirmed 3, rejected 0, unknown 0, unsettled 0',
      'processed 14',
      'unsettled none',
      'lost none',
      'duplicated 1: a by stock 2 times',
      'unexpected 7: g1 by stock, g2 by stock, g3 by stock, g4 by stock, g5 by stock, and 2 more',
      'contradicted none',
      'reordered none',
    ].join('\n'),
  )
})

test('a million messages with one of each fault are judged exactly, in little memory', () => {
  const count = 1_000_000
  const record = history()
  const before = process.memoryUsage().arrayBuffers
  for (let n = 0; n < count; n++) {
    record.attempted(n)
    record.confirmed(n)
    if (n !== 700_000) record.processed({ id: n, group: 'stock', key: `k${n % 1000}`, sequence: n })
  }
  record.processed({ id: 900_000, group: 'stock', key: 'k0', sequence: 900_000 })
  record.processed({ id: count, group: 'stock' })
  record.attempted(count + 1)
  record.confirmed(count + 1)
  record.processed({ id: count + 1, group: 'stock', key: 'k0', sequence: 3 })

  const verdict = record.check({ groups: ['stock'] })

  expect(verdict).toMatchObject({ attempted: count + 1, confirmed: count + 1, processed: count + 2 })
  expect(verdict.lost).toEqual([{ id: 700_000, group: 'stock' }])
  expect(verdict.duplicated).toEqual([{ id: 900_000, group: 'stock', times: 2 }])
  expect(verdict.unexpected).toEqual([{ id: count, group: 'stock' }])
  expect(verdict.reordered).toEqual([{ id: count + 1, group: 'stock', key: 'k0', sequence: 3, after: 999_000 }])
  expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(32 * 1024 * 1024)
})
