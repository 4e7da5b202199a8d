import { expect, test } from 'vitest'
import { coreMutants, violationsOf } from './core-mutants.js'
import { placesOf, simulationWith } from './planted.js'

test.each(coreMutants.filter(({ isRare }) => !isRare))(
  'within 1,000 seeds the simulation finds that in core $bug',
  async (mutant) => {
    expect(await violationsOf(mutant, 1_000)).toContainEqual(expect.stringMatching(mutant.breaks))
  },
  120_000,
)

test.each(coreMutants.filter(({ isRare }) => isRare))('the long form can plant in core that $bug', ({ plant }) => {
  expect(placesOf(plant)).toBe(1)
})

test('a bug whose place is no longer in the source fails loudly', async () => {
  await expect(simulationWith({ file: 'lanes.ts', from: 'what nobody wrote', to: '' })).rejects.toThrow('packages/core/src/lanes.ts is to have this text once and has it 0 times')
  await expect(simulationWith({ file: 'no-such-file.ts', from: 'a', to: 'b' })).rejects.toThrow('does not use packages/core/src/no-such-file.ts')
})
