import { expect, test } from 'vitest'
import { failuresOf, resultLine, roundOf, table } from './report.js'
import type { Series } from './rounds.js'

test('a line for machines has exactly the agreed fields', () => {
  const line = resultLine('rabbitmq/publish', series('waybill', [1_000, 3_000, 2_000]))

  expect(line).toEqual({
    scenario: 'rabbitmq/publish',
    contender: 'waybill',
    rate: 2_000,
    p50Ms: 1.5,
    p99Ms: 9.25,
    cpuMicrosPerMessage: 10,
    rssMb: 80.1,
    lost: 0,
    duplicated: 2,
  })
})

test('what has no latency says null', () => {
  const rounds = series('raw', [1_000]).rounds.map((round) => ({ ...round, p50Ms: null, p99Ms: null }))

  const line = resultLine('kafka/consume', { ...series('raw', [1_000]), rounds })

  expect([line.p50Ms, line.p99Ms]).toEqual([null, null])
})

test('where the heap is watched, the most that it has grown in a round is told', () => {
  const rounds = series('waybill', [1_000, 1_000]).rounds.map((round, at) => ({ ...round, heapMb: at + 0.3 }))

  const line = resultLine('dispatch/receive', { ...series('waybill', []), rounds })

  expect(line.heapMb).toBe(1.3)
})

test('the table shows the ratio to raw', () => {
  const text = table('rabbitmq/publish', [series('raw', [1_000, 2_000]), series('waybill', [1_100, 2_400])], false)

  expect(text).toMatch(/^rabbitmq\/publish\n/)
  expect(text).toMatch(/waybill +1\.15 +\(1\.10–1\.20\)/)
})

test('a contender that extends another is compared to it as well', () => {
  const text = table('dispatch/receive', [series('raw', [4_000]), series('waybill', [2_000]), series('waybill-1000', [1_800])], false)

  expect(text).toMatch(/waybill-1000 +0\.45 +\(0\.45–0\.45\) +0\.90 +\(0\.90–0\.90\)/)
})

test('without raw there is no ratio', () => {
  const text = table('rabbitmq/publish', [series('waybill', [1_100])], false)

  expect(text).toMatch(/waybill +1100/)
})

test('a refused send is told below the table', () => {
  const text = table('rabbitmq/publish', [{ ...series('waybill', [1_000]), error: 'the queue is full' }], false)

  expect(text).toContain('waybill: a send was refused: the queue is full')
})

test('who lost messages is not ranked, and nobody is compared to it', () => {
  const lossy = { ...series('raw', [9_000]), verdict: { lost: 1, duplicated: 0 } }

  const text = table('rabbitmq/consume', [lossy, series('waybill', [1_100])], false)

  expect(resultLine('rabbitmq/consume', lossy)).toMatchObject({ rate: null, p50Ms: null, p99Ms: null, cpuMicrosPerMessage: null, lost: 1 })
  expect(text).toMatch(/raw +not ranked +80 +1 +0\n/)
  expect(text).toMatch(/waybill +1100 /)
})

test('a round in which nothing came to its end has no rate', () => {
  const [round] = series('waybill', [1_000]).rounds as [Series['rounds'][number]]

  expect(roundOf({ ...round, elapsedMs: Number.NaN, verdict: { lost: 1, duplicated: 0 } })).toBe('no rate, lost 1, duplicated 0, refused 0')
  expect(roundOf(round)).toBe('1000/s')
})

test('each contender that lost or doubled messages is a failure, and no other', () => {
  const all = [series('raw', [1_000]), { ...series('waybill', [1_000]), verdict: { lost: 0, duplicated: 0 } }, { ...series('thief', [1_000]), verdict: { lost: 3, duplicated: 0 } }]

  expect(failuresOf('rabbitmq/consume', all)).toEqual(['raw in rabbitmq/consume lost 0 and doubled 2', 'thief in rabbitmq/consume lost 3 and doubled 0'])
})

function series(contender: string, rates: readonly number[]): Series {
  const rounds = rates.map((rate) => ({
    elapsedMs: 1_000,
    handled: rate,
    cpuMicros: rate * 10,
    brokerCpuMicros: undefined,
    p50Ms: 1.5,
    p99Ms: 9.25,
    rssMb: 80.123,
    heapMb: undefined,
    verdict: { lost: 0, duplicated: 0 },
    errors: { count: 0, first: undefined },
  }))

  return { contender, rounds, verdict: { lost: 0, duplicated: 2 }, error: undefined }
}
