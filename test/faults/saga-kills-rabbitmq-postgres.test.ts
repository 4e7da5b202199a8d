import { expect, test } from 'vitest'
import { bookTripsWhileKilled } from './saga-kills.js'

test('G1 G4 G5 I1 I3 I6 sagas whose processes are killed end completed or compensated, with balanced books', { timeout: 150_000 }, async () => {
  const { completed, compensated, kills } = await bookTripsWhileKilled({ count: 60, open: 20 }, [3_000, 5_000])

  expect(completed + compensated).toBe(60)
  expect(Math.min(completed, compensated, kills)).toBeGreaterThan(0)
})
