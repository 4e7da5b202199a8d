import { expect, test } from 'vitest'
import { coreMutants, violationsOf } from './core-mutants.js'

test.each(coreMutants.filter(({ isRare }) => isRare))(
  'within 1,000 seeds the simulation finds that in core $bug',
  async (mutant) => {
    expect(await violationsOf(mutant, 1_000)).toContainEqual(expect.stringMatching(mutant.breaks))
  },
  300_000,
)
