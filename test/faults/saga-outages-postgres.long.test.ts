import { expect, test } from 'vitest'
import { bookTripsWhileStopped } from './saga-outages.js'

test('G4 G5 I1 I3 I6 5,000 sagas on a database that stops every 5 to 10 s end completed or compensated, with balanced books', { timeout: 1_200_000 }, async () => {
  const { completed, compensated, stops } = await bookTripsWhileStopped({ count: 5_000, open: 100 }, [5_000, 10_000])

  expect(completed + compensated).toBe(5_000)
  expect(Math.min(compensated, stops)).toBeGreaterThan(10)
})
