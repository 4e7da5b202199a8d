import { expect, test } from 'vitest'
import { coreMutants } from './core-mutants.js'
import { simulationWith } from './planted.js'

const seeds = 1_000

test.each(coreMutants)(
  'within 1,000 seeds the simulation finds that in core $bug',
  async ({ plant, breaks }) => {
    const simulate = await simulationWith(plant)
    let found: readonly string[] = []
    for (let seed = 1; seed <= seeds && !found.some((one) => breaks.test(one)); seed++) found = (await simulate(seed)).violations

    expect(found).toContainEqual(expect.stringMatching(breaks))
  },
  300_000,
)

test('a bug whose place is no longer in the source fails loudly', async () => {
  await expect(simulationWith({ file: 'lanes.ts', from: 'what nobody wrote', to: '' })).rejects.toThrow('packages/core/src/lanes.ts is to have this text once and has it 0 times')
  await expect(simulationWith({ file: 'no-such-file.ts', from: 'a', to: 'b' })).rejects.toThrow('does not use packages/core/src/no-such-file.ts')
})
