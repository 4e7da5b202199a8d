import { expect, test } from 'vitest'
import { peakRssMb, startMeter } from './meter.js'

const burntMicros = 200_000
const ticksMicros = 20_000

test('where the work is done in another process, its time counts as well', () => {
  const read = startMeter(undefined, process.pid)
  const begin = process.cpuUsage()
  while (process.cpuUsage(begin).user < burntMicros) JSON.stringify(begin)

  const { cpuMicros } = read()

  expect(cpuMicros).toBeGreaterThan(2 * burntMicros - ticksMicros)
})

test('its memory counts as well', () => {
  expect(peakRssMb(process.pid)).toBeGreaterThan(1.5 * peakRssMb())
})

test('a process that is gone counts as nothing', () => {
  const gone = 2 ** 30

  const { cpuMicros } = startMeter(undefined, gone)()

  expect(cpuMicros).toBeGreaterThanOrEqual(0)
  expect(peakRssMb(gone)).toBeLessThan(1.5 * peakRssMb())
})
