import { expect, test } from 'vitest'
import { bookTripsWhileKilled } from './saga-kills.js'

test('G1 G4 G5 I1 I3 I6 10,000 sagas with refusals, failures, time-outs, duplicates and killed processes end completed or compensated, with balanced books', {
  timeout: 1_800_000,
}, async () => {
  const { completed, compensated, kills } = await bookTripsWhileKilled({ count: 10_000, open: 100 }, [3_000, 8_000])

  expect(completed + compensated).toBe(10_000)
  expect(Math.min(compensated, kills)).toBeGreaterThan(10)
})
