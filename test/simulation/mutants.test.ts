import { expect, test } from 'vitest'
import { mutants } from './mutants.js'
import { type Simulated, simulate } from './simulate.js'

const seeds = 1_000

test.each(mutants)(
  'within 1,000 seeds the simulation finds that $bug',
  async ({ mutation, breaks }) => {
    let found: readonly string[] = []
    for (let seed = 1; seed <= seeds && !found.some((one) => breaks.test(one)); seed++) {
      const first = await simulate(seed, mutation)
      found = breaks.test('I10 ') ? differences(first, await simulate(seed, mutation)) : first.violations
    }

    expect(found).toContainEqual(expect.stringMatching(breaks))
  },
  300_000,
)

function differences(first: Simulated, second: Simulated): readonly string[] {
  return first.hash === second.hash ? [] : [`I10 seed ${first.seed} has two histories`]
}
