import { expect, test } from 'vitest'
import { median, pairedRatio, percentile, spreadOf } from './statistics.js'

test('the median is the middle value, whatever the order', () => {
  expect(median([9, 1, 5])).toBe(5)
})

test('the median of an even number is the mean of the two in the middle', () => {
  expect(median([4, 1, 3, 100])).toBe(3.5)
})

test('the median of nothing is no number', () => {
  expect(median([])).toBeNaN()
})

test('values are sorted as numbers, not as text', () => {
  expect(median([10, 9, 100])).toBe(10)
})

test('a percentile is a value that was measured', () => {
  const values = Float64Array.from({ length: 100 }, (_, at) => 100 - at)

  expect([0.5, 0.99, 1].map((share) => percentile(values, share))).toEqual([50, 99, 100])
})

test('the 99th percentile of few values is the largest', () => {
  expect(percentile(Float64Array.of(3, 1, 2), 0.99)).toBe(3)
})

test('a percentile leaves its values as they were', () => {
  const values = Float64Array.of(3, 1, 2)

  percentile(values, 0.5)

  expect([...values]).toEqual([3, 1, 2])
})

test('a spread shows the worst and the best beside the median', () => {
  expect(spreadOf([2, 8, 3])).toEqual({ median: 3, min: 2, max: 8 })
})

test('a ratio is taken round by round, so that a slow stretch of the machine does not count', () => {
  const ours = [110, 55, 11]
  const raw = [100, 50, 10]

  const ratio = pairedRatio(ours, raw)

  expect(ratio.median).toBeCloseTo(1.1)
  expect(ratio.min).toBeCloseTo(1.1)
  expect(ratio.max).toBeCloseTo(1.1)
})
