import type { Topology, UnusedThing } from '@waybill/core'
import { foundName, wordOf } from './difference.js'
import type { FoundBinding, FoundQueue, Survey } from './management.js'
import { partitionsIn } from './share-marks.js'
import type { Names, QueuePlan, TopologyPlan } from './topology.js'

/** One thing that nobody needs, and how the broker calls it. */
export type Leftover = UnusedThing &
  ({ readonly kind: 'queue' | 'exchange'; readonly name: string } | { readonly kind: 'binding'; readonly name: string; readonly binding: FoundBinding })

export interface QueueState {
  readonly messages: number
  readonly consumers: number
}

export interface UnusedParts {
  readonly topology: Topology
  readonly names: Names
  readonly plan: TopologyPlan
  readonly survey: Survey
}

/** Queues on the app's channels, made by Waybill, that this app does not plan. Whether somebody else consumes them is not known yet. */
export function strangersOf({ names, plan, survey, topology }: UnusedParts): FoundQueue[] {
  const planned = new Set(plan.queues.map(({ name }) => name))
  const patterns = topology.channels.map(({ name }) => names.patternOfQueues(name))

  return [...survey.queues.values()].filter((queue) => !planned.has(queue.name) && patterns.some((pattern) => isOurs(queue, pattern)))
}

/** What is left of listeners that are gone, in the order in which it is removed. */
export function leftoversOf(parts: UnusedParts, states: ReadonlyMap<string, QueueState>): Leftover[] {
  const unused = [...states].filter(([, { consumers }]) => consumers === 0)

  return [
    ...parts.plan.queues.flatMap((queue) => bindingsOf(queue, parts)),
    ...unused.map(
      ([name, { messages }]) => ({ kind: 'queue', name, thing: `queue "${name}"`, reason: 'no listener of this app takes from it, and it has no consumer', messages }) as const,
    ),
    ...sharesOf(
      parts,
      unused.map(([name]) => name),
    ),
  ]
}

// The name of its dead letters is the mark of a queue of ours: nobody else's has it by chance.
function isOurs({ arguments: found, name }: FoundQueue, pattern: RegExp): boolean {
  const base = pattern.exec(name)?.[1]

  return base !== undefined && found['x-dead-letter-routing-key'] === `${base}.dead`
}

function bindingsOf({ bindings, isForeign, name }: QueuePlan, { plan, survey }: UnusedParts): Leftover[] {
  if (isForeign) return []
  const entries = new Set(plan.exchanges.map((exchange) => exchange.name))
  const stated = new Set(bindings.map(({ exchange, routingKey }) => wordOf(exchange, routingKey)))
  const own = survey.bindings.filter(({ destination, destination_type, source }) => destination_type === 'queue' && destination === name && entries.has(source))

  return own
    .filter(({ routing_key, source }) => !stated.has(wordOf(source, routing_key)))
    .map((binding) => ({ kind: 'binding', name, binding, thing: foundName(binding), reason: 'no listener of its group in this app takes what comes by it', messages: 0 }))
}

/** The exchanges that remember a number of partitions, where the last keyed queue goes too. */
function sharesOf({ names, plan, survey, topology }: UnusedParts, unused: readonly string[]): Leftover[] {
  const planned = new Set(plan.shares.map(({ name }) => name))
  const patterns = topology.channels.map(({ name }) => names.patternOfShares(name))
  const found = [...survey.exchanges.values()].filter(
    ({ arguments: { 'alternate-exchange': mark }, internal, name }) =>
      internal && !planned.has(name) && partitionsIn(mark) !== undefined && patterns.some((pattern) => pattern.test(name)),
  )
  const isNeeded = (share: string): boolean => [...survey.queues.keys()].some((queue) => queue.startsWith(`${share}.`) && !unused.includes(queue))

  return found
    .filter(({ name }) => !isNeeded(name))
    .map(({ name }) => ({
      kind: 'exchange',
      name,
      thing: `exchange "${name}"`,
      reason: 'it remembers the number of partitions of a group whose messages have no key any more',
      messages: 0,
    }))
}
