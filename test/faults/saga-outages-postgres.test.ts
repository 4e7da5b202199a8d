import { expect, test } from 'vitest'
import { bookTripsWhileStopped } from './saga-outages.js'

test('G4 G5 I1 I3 I6 sagas on a database that stops again and again end completed or compensated, with balanced books', { timeout: 150_000 }, async () => {
  const { completed, compensated, stops } = await bookTripsWhileStopped({ count: 60, open: 20 }, [3_000, 5_000])

  expect(completed + compensated).toBe(60)
  expect(Math.min(completed, compensated, stops)).toBeGreaterThan(0)
})
