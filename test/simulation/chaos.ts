import { type CrashPoint, type Harness, type Random } from '@waybill/testing'
import type { Cast } from './cast.js'

const points: readonly CrashPoint[] = ['before publish', 'after publish', 'before listener', 'after listener', 'before settle', 'after settle']

type Fault = (chance: Random, cast: Cast) => void | Promise<void>

const any = (chance: Random, cast: Cast): Harness => chance.pick(cast.all)
const service = (chance: Random, cast: Cast): Harness => chance.pick(cast.services)
const downFor = (chance: Random) => `${chance.chance(0.5) ? 0 : chance.between(1, 5_000)}ms` as const

/** What may happen to a system on a real broker. */
const faults: readonly Fault[] = [
  (chance, cast) => any(chance, cast).faults.drop({ times: chance.between(1, 3) }),
  (chance, cast) => service(chance, cast).faults.duplicate({ times: chance.between(1, 3) }),
  (chance, cast) => any(chance, cast).faults.delay(`${chance.between(1, 500)}ms`),
  (chance, cast) => any(chance, cast).faults.reorder(`${chance.between(1, 500)}ms`),
  (chance, cast) => any(chance, cast).faults.disconnect(),
  (chance, cast) => service(chance, cast).faults.crash({ downFor: downFor(chance) }),
  (chance, cast) => service(chance, cast).faults.crash({ at: chance.pick(points), downFor: downFor(chance) }),
  (chance, cast) => service(chance, cast).faults.crash({ at: chance.pick(points), downFor: downFor(chance) }),
  (chance, cast) => any(chance, cast).faults.heal(),
  (_chance, cast) => cast.broker.disconnect(),
  (_chance, cast) => cast.broker.restart(),
  (_chance, cast) => cast.broker.stop(),
  (_chance, cast) => cast.broker.start(),
  (_chance, cast) => cast.broker.block(),
  (_chance, cast) => cast.broker.unblock(),
  (chance, cast) => cast.broker.loseConfirms(chance.between(1, 3)),
  (chance, cast) => cast.replaceOne(chance),
]

export async function strike(chance: Random, cast: Cast): Promise<void> {
  await chance.pick(faults)(chance, cast)
}
