import { expect, test } from 'vitest'
import { walkSaga } from './saga-walk.js'
import { allFates } from './saga-world.js'

test.each(allFates)('G5 G8 I1 I3 in every order of its messages, one time-out early, a saga ends with balanced books, with %j', async (fates) => {
  const { violations, ends, states } = await walkSaga({ early: 1, faults: 0 }, fates)

  expect(violations).toEqual([])
  expect(Math.min(states, ends)).toBeGreaterThanOrEqual(3)
})

test.each([{ 'refuse reserve': 9 }, { 'mute reserve': 9 }])(
  'G4 G5 G8 I1 I3 with one duplicate or one crash at any place in any order, too, with %j',
  async (fates) => {
    const { violations, ends } = await walkSaga({ early: 1, faults: 1 }, fates)

    expect(violations).toEqual([])
    expect(ends).toBeGreaterThan(15)
  },
  60_000,
)
