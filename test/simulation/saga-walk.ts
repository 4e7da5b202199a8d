import { type Random, seededRandom } from '@waybill/testing'
import { type Budget, type Fates, type Move, SagaWorld } from './saga-world.js'

export interface Walked {
  readonly states: number
  readonly runs: number
  readonly ends: number
  /** Branches that were seen and not gone, because the walk was to end; 0: every order there is was gone. */
  readonly left: number
  /** Each with the moves that lead there. */
  readonly violations: readonly string[]
}

/** Where every order would take too long: so many runs, of branches that chance picks. */
export interface WalkBound {
  readonly runs: number
  readonly seed: number
}

/**
 * Every order in which a saga's messages and timers can come, with every fault in every place: depth first, each run from the beginning, until it
 * meets a state that was met before. With a bound, that many of these runs; what they leave out is told.
 */
export async function walkSaga(budget: Budget, fates: Fates, bound?: WalkBound): Promise<Walked> {
  const chance = bound && seededRandom(`${bound.seed} walk`)
  const seen = new Set<string>()
  const violations: string[] = []
  const open: (readonly Move[])[] = [[]]
  let [runs, ends] = [0, 0]
  while (open.length > 0 && runs < (bound?.runs ?? Number.POSITIVE_INFINITY)) {
    const path = takeFrom(open, chance)
    runs++
    const world = await SagaWorld.start(budget, fates)
    const end = await follow(world, path, (from, others) => open.push(...others.map((move) => [...from, move])), seen)
    if (end) ends++
    if (end) violations.push(...(await world.faults()).map((fault) => `${fault}, by ${end.map(lineOf).join(', ')}`))
    await world.stop()
  }

  return { states: seen.size, runs, ends, left: open.length, violations }
}

function takeFrom(open: (readonly Move[])[], chance: Random | undefined): readonly Move[] {
  const last = open.pop() ?? []
  const place = chance?.between(0, open.length) ?? open.length
  const taken = open[place]
  if (taken) open[place] = last

  return taken ?? last
}

/** The whole path, where it leads to an end, or to something that must not be. */
async function follow(
  world: SagaWorld,
  start: readonly Move[],
  branch: (from: readonly Move[], others: readonly Move[]) => void,
  seen: Set<string>,
): Promise<readonly Move[] | undefined> {
  for (const move of start) if (!(await world.play(move))) return undefined
  for (let path = start; ; ) {
    const state = await world.state()
    if (seen.has(state)) return undefined
    seen.add(state)
    const [next, ...others] = await world.moves()
    if (!next || world.isOverdrawn) return path
    branch(path, others)
    path = [...path, next]
    await world.play(next)
  }
}

function lineOf({ what, fault }: Move): string {
  return fault ? `${what} (${fault})` : what
}
