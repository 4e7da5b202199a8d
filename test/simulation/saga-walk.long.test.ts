import { expect, test } from 'vitest'
import { walkSaga } from './saga-walk.js'
import { allFates } from './saga-world.js'

test.each(allFates)(
  'G4 G5 G8 I1 I3 in every order with two early time-outs and a duplicate or a crash at any place a saga ends with balanced books, with %j',
  async (fates) => {
    expect((await walkSaga({ early: 2, faults: 1 }, fates)).violations).toEqual([])
  },
  900_000,
)
