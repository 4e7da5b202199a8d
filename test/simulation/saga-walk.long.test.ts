import { expect, test } from 'vitest'
import { walkSaga } from './saga-walk.js'
import { allFates } from './saga-world.js'

test.each(allFates)(
  'G4 G5 G8 I1 I3 in every order with one time-out early and one duplicate or crash at any place a saga ends with balanced books, with %j',
  async (fates) => {
    const { violations, left } = await walkSaga({ early: 1, faults: 1 }, fates)

    expect([violations, left]).toEqual([[], 0])
  },
  300_000,
)

// Every order of these takes hours: chance picks, the same each time by its seed.
const beyond = [
  { early: 2, faults: 1 },
  { early: 1, faults: 2 },
]

test.each(allFates.flatMap((fates) => beyond.map((budget) => ({ budget, fates }))))(
  'G4 G5 G8 I1 I3 in a thousand orders that chance picks of those with more of both, too, with %j',
  async ({ budget, fates }) => {
    const { violations, runs, left } = await walkSaga(budget, fates, { runs: 1_000, seed: 1 })

    expect(violations).toEqual([])
    expect(runs === 1_000 || left === 0).toBe(true)
  },
  300_000,
)
