import { expect, test } from 'vitest'
import { crashPoints } from './crashing-store.js'
import { seedsOf } from './seeds.js'
import { storeMutants } from './store-mutants.js'
import { simulateStore, type StoreSimulated } from './store-simulate.js'

test('O1 I1 I3 I4 I5 hold over 200 seeds of processes that end before commit, after commit, after publish and after the cursor moved', async () => {
  const runs: StoreSimulated[] = []
  for (const seed of seedsOf(1, 200)) runs.push(await simulateStore(seed))
  const crashes = crashPoints.map((point) => runs.reduce((sum, run) => sum + (run.crashes.get(point) ?? 0), 0))

  expect(runs.flatMap(({ seed, violations }) => violations.map((one) => `seed ${seed}: ${one}. Again: WAYBILL_SEED=${seed} npm test -- --quick simulation`))).toEqual([])
  if (runs.length > 1) expect(Math.min(...crashes), `ends at each point: ${crashes.join(', ')}`).toBeGreaterThan(20)
}, 300_000)

test('I10 with a store, too, the same seed gives the same history', async () => {
  for (const seed of seedsOf(1, 10)) expect((await simulateStore(seed)).history, `seed ${seed}`).toBe((await simulateStore(seed)).history)
}, 60_000)

test.each(storeMutants)(
  'within 200 seeds the simulation finds that $bug',
  async ({ mutation, breaks }) => {
    let found: readonly string[] = []
    for (let seed = 1; seed <= 200 && !found.some((one) => breaks.test(one)); seed++) found = (await simulateStore(seed, mutation)).violations

    expect(found).toContainEqual(expect.stringMatching(breaks))
  },
  120_000,
)
