import { expect, test } from 'vitest'
import { bookTripsWhileStopped } from './saga-outages.js'

test('G4 G5 I1 I3 I6 sagas on a database that stops again and again end completed or compensated, with balanced books', { timeout: 120_000 }, async () => {
  const { completed, compensated, stops } = await bookTripsWhileStopped(120, [1_500, 2_500])

  expect(completed + compensated).toBe(120)
  expect(Math.min(completed, compensated, stops)).toBeGreaterThan(0)
})
