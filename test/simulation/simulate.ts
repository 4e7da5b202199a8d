import { createHash } from 'node:crypto'
import { type Harness, seededRandom, type Random } from '@waybill/testing'
import { Cast, type Mutation } from './cast.js'
import { strike } from './chaos.js'
import { Front } from './flow.js'
import { groupNames, groups, idOf, type GroupName, type Step, type World } from './world.js'

export interface Simulated {
  readonly seed: number
  /** A sentence for each thing that must not be, beginning with its invariant. */
  readonly violations: readonly string[]
  readonly journal: readonly string[]
  /** Of the journal. */
  readonly hash: string
}

/** Runs the flow once, with the faults of a seed, and says what went wrong. */
export async function simulate(seed: number, mutation: Mutation = (transport) => transport): Promise<Simulated> {
  const chance = seededRandom(`${seed} chaos`)
  const cast = await Cast.start(seed, mutation)
  const violations = await run(cast, chance).catch((error: unknown) => [`I6 ${error instanceof Error ? error.message : String(error)}`])
  await cast.stop()
  const { timers, jobs } = cast.front.runtime.pending()
  if (timers + jobs > 0) violations.push(`I7 ${timers} timers and ${jobs} jobs are left behind`)
  const { journal } = cast.front

  return { seed, violations: [...cast.world.faults, ...violations], journal, hash: createHash('sha256').update(journal.join('\n')).digest('hex') }
}

async function run(cast: Cast, chance: Random): Promise<string[]> {
  const customers = new Map<string, number>()
  const intensity = chance.next()
  const violations: string[] = []
  for (let round = 0; round < 10; round++) {
    for (let count = chance.between(0, 4); count > 0; count--) order(cast, chance, customers)
    for (let strikes = chance.between(0, 1 + Math.floor(3 * intensity)); strikes > 1; strikes--) await strike(chance, cast)
    await cast.front.advance(chance.between(0, chance.chance(0.1) ? 12_000 : 800))
    violations.push(...vanished(cast))
  }
  await calm(cast)

  return [...violations, ...(await judge(cast))]
}

/** Somebody orders, and remembers what the broker says about it. */
export function order({ front, world }: Cast, chance: Random, customers: Map<string, number>): void {
  const customer = chance.pick(['ann', 'bob', 'cleo'])
  const n = (customers.get(customer) ?? 0) + 1
  customers.set(customer, n)
  const id = idOf({ customer, n })
  const record = world.histories.orders
  world.sent('orders', { customer, n })
  front
    .get(Front)
    .place({ customer, n })
    .then(
      () => record.confirmed(id),
      (error: { code?: string }) => (error.code === 'UNKNOWN' ? record.unknown(id) : record.rejected(id)),
    )
}

/** The faults end; what is left to do is done, unaided. */
async function calm({ all, broker, front }: Cast): Promise<void> {
  for (const one of all) one.faults.heal()
  broker.start()
  broker.unblock()
  await front.settled({ within: '30m' })
}

/** I9 while it runs: what was promised is done, dead, or with the broker. */
function vanished(cast: Cast): readonly string[] {
  const missing = missingOrders(cast)

  return missing > 0 ? [`I9 ${missing} confirmed orders are neither done, nor dead, nor anywhere with the broker`] : []
}

/** Confirmed orders without a place; fewer than none where one has several. */
export function missingOrders({ world, broker }: Cast): number {
  const { confirmed } = world.histories.orders.check({ groups: ['orders'] })
  const places = broker.queues().filter(({ name }) => name.startsWith('orders.orders'))

  return confirmed - world.processed.orders.size - places.reduce((sum, { waiting, delayed, unsettled }) => sum + waiting + delayed + unsettled, 0)
}

async function judge(cast: Cast): Promise<string[]> {
  const found: string[] = []
  const dead = new Map<GroupName, ReadonlySet<string>>()
  for (const group of groupNames) {
    const letters = await deadOf(cast.services, group)
    dead.set(group, new Set(letters.map(({ step }) => idOf(step))))
    promise(cast, group, dead)
    found.push(...judgeGroup(cast, group, dead.get(group) ?? new Set()), ...overtaken(cast.world, group, letters))
  }
  for (const { app } of cast.all) if (!app.health().ready) found.push(`I6 not ready: ${app.health().reasons.join(' ')}`)

  return found
}

/** What a group acknowledged it has sent on. Where it gave up at the sending, the dead letter stands for it. */
function promise({ world }: Cast, group: GroupName, dead: ReadonlyMap<GroupName, ReadonlySet<string>>): void {
  const { after } = groups[group]
  if (after === undefined) return
  for (const id of world.processed[after]) if (!dead.get(after)?.has(id)) world.histories[group].confirmed(id)
}

function judgeGroup({ world, broker }: Cast, group: GroupName, dead: ReadonlySet<string>): readonly string[] {
  const { lost, unexpected, contradicted, reordered, unsettled } = world.histories[group].check({ groups: [group] })
  const prefix = `${groups[group].channel}.${group}`
  const left = broker.queues().filter(({ name, waiting, delayed, unsettled: open }) => name.startsWith(prefix) && !name.endsWith('.dead') && waiting + delayed + open > 0)

  return [
    ...lost.filter(({ id }) => !dead.has(String(id))).map(({ id }) => `I1 ${id} was acknowledged, and is neither processed by ${group} nor among its dead letters`),
    ...unexpected.map(({ id }) => `I2 ${group} processed ${id}, which was never sent`),
    ...[...dead].filter((id) => !world.knows(group, id)).map((id) => `I2 ${group} has a dead letter of ${id}, which was never sent`),
    ...contradicted.map(({ id }) => `I2 ${group} processed ${id}, which the broker claims not to have`),
    ...reordered.map(({ id, after }) => `I4 ${group} processed ${id} after ${after} of its key`),
    ...unsettled.map((id) => `P12 the publish of ${id} to ${group} never settled`),
    ...left.map(({ name }) => `I6 ${name} is not drained`),
  ]
}

/** Where the later messages of a dead key are parked, none of them may have been done. */
function overtaken({ processed }: World, group: GroupName, letters: readonly Letter[]): readonly string[] {
  if (!groups[group].parks) return []
  const died = letters.filter(({ step, isParked }) => !isParked && !processed[group].has(idOf(step)))
  const isAfter = (id: string, { customer, n }: Step): boolean => id.startsWith(`${customer}/`) && Number(id.slice(customer.length + 1)) > n

  return died.flatMap(({ step }) => [...processed[group]].filter((id) => isAfter(id, step)).map((id) => `I4 ${group} processed ${id}, although ${idOf(step)} of its key is dead`))
}

interface Letter {
  readonly step: Step
  readonly isParked: boolean
}

async function deadOf(services: readonly Harness[], group: GroupName): Promise<readonly Letter[]> {
  const own = services.find(({ app }) => app.topology.channels.some(({ groups }) => groups.some(({ name }) => name === group)))
  const letters = (await own?.deadLetters(group, { limit: 10_000 })) ?? []

  return letters.map(({ body, reason }) => ({ step: JSON.parse(new TextDecoder().decode(body)) as Step, isParked: reason === 'PARKED' }))
}
