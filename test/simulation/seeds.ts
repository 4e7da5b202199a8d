import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { seededRandom } from '@waybill/testing'
import { expect, test } from 'vitest'
import { Cast } from './cast.js'
import { missingOrders, order, simulate } from './simulate.js'

/** So many seeds, or the one that somebody wants to see again: `WAYBILL_SEED=17 npm test -- --quick simulation`. */
export function seedsOf(from: number, count: number): readonly number[] {
  const wanted = process.env.WAYBILL_SEED

  return wanted === undefined ? Array.from({ length: count }, (_, i) => from + i) : [Number(wanted)]
}

/** A test for each thousand of seeds. */
export function invariantsHold(from: number, thousands: number): void {
  test.each(Array.from({ length: thousands }, (_, i) => from + i * 1_000))(
    'I1 I2 I4 I6 I7 I9 hold for three services over a thousand seeds of faults from %i on',
    async (first) => {
      expect(await simulateAll(seedsOf(first, 1_000))).toEqual([])
    },
    300_000,
  )
}

/** What went wrong, with the command that shows it again; the journal too, where one seed was asked for. */
export async function simulateAll(seeds: readonly number[]): Promise<readonly string[]> {
  const limit = Error.stackTraceLimit
  // Nobody reads where the errors of a simulation were made, and to find out takes a tenth of the time.
  Error.stackTraceLimit = 0
  try {
    return await violationsOf(seeds)
  } finally {
    Error.stackTraceLimit = limit
  }
}

async function violationsOf(seeds: readonly number[]): Promise<readonly string[]> {
  const found: string[] = []
  for (const seed of seeds) {
    const { violations, journal } = await simulate(seed)
    if (violations.length > 0) found.push(`seed ${seed}: ${violations.join('; ')}. Again: WAYBILL_SEED=${seed} npm test -- --quick simulation`)
    if (violations.length > 0 && seeds.length === 1) console.log(journal.join('\n'))
  }

  return found
}

export const faultless = {
  heapBytes(): number {
    setFlagsFromString('--expose-gc')
    const collect: () => void = runInNewContext('gc')
    collect()

    return process.memoryUsage().heapUsed
  },

  /** How many places too many or too few there are for the orders that are not done, at each of some moments. */
  async misplaced(seed: number): Promise<readonly number[]> {
    const chance = seededRandom(seed)
    const cast = await Cast.start(seed, (transport) => transport)
    const customers = new Map<string, number>()
    const found: number[] = []
    for (let round = 0; round < 20; round++) {
      if (chance.chance(0.5)) order(cast, chance, customers)
      await cast.front.advance(chance.between(0, 200))
      found.push(missingOrders(cast))
    }
    await cast.stop()

    return found.filter((missing) => missing !== 0)
  },
}
