import { BrokerRefused, type TopologyDifference } from '@waybill/core'
import { ladder } from './descent.js'
import type { FoundBinding, Survey } from './management.js'
import { partitionsIn, sentenceOfShare, shareMark } from './share-marks.js'
import type { Binding, ExchangePlan, QueuePlan, SharePlan, TopologyPlan } from './topology.js'

/** What is missing at the broker. */
const existence = 'existence'

/** Over how many queues a group spreads its keys. */
const spread = 'partitions'

/** Everything that a vhost has in another shape than planned, or has not. */
export function differencesOf(plan: TopologyPlan, survey: Survey): TopologyDifference[] {
  return [
    ...plan.exchanges.flatMap((one) => ofExchange(one, survey)),
    ...plan.shares.flatMap((one) => ofShare(one, survey)),
    ...plan.queues.flatMap((one) => ofQueue(one, survey)),
    ...plan.queues.flatMap((one) => ofBindings(one, survey)),
  ]
}

/** What no declaration can mend. */
export function isOfShape({ part }: TopologyDifference): boolean {
  return part !== existence
}

/** All of it in one error. */
export function refusalOf(differences: readonly TopologyDifference[], cause?: unknown): BrokerRefused {
  const lines = differences.map(sentenceOf)

  return new BrokerRefused(
    'TOPOLOGY_DIFFERS',
    `At the broker ${lines.length === 1 ? 'one thing is' : `${lines.length} things are`} not as the app states. Delete what differs once it is empty, or state its shape in \`channels\`:\n${lines.map((line) => `  ${line}`).join('\n')}`,
    { cause },
  )
}

export function sentenceOf({ thing, part, expected, found }: TopologyDifference): string {
  if (part === existence) return `The ${thing} is missing.`
  if (part === spread) return sentenceOfShare(thing, expected, typeof found === 'number' ? shareMark(found) : found)

  return `The ${thing} exists in another shape: "${part}" expected ${shown(expected)}, found ${shown(found)}.`
}

function shown(value: unknown): string {
  return value === undefined ? 'none' : (JSON.stringify(value) ?? String(value))
}

function ofExchange({ isForeign, name, type }: ExchangePlan, { exchanges }: Survey): TopologyDifference[] {
  const thing = `exchange "${name}"`
  const found = exchanges.get(name)
  if (!found) return [missing(thing)]
  if (isForeign) return []

  return unequal(thing, [
    ['type', type, found.type],
    ['durable', true, found.durable],
    ['alternate-exchange', ladder.lost, found.arguments['alternate-exchange']],
  ])
}

function ofShare({ name, partitions, queue }: SharePlan, { exchanges }: Survey): TopologyDifference[] {
  const found = exchanges.get(name)
  if (!found) return [missing(`exchange "${name}"`)]

  const { 'alternate-exchange': mark } = found.arguments

  return unequal(`queue "${queue}"`, [[spread, partitions, partitionsIn(mark) ?? mark]])
}

function ofQueue({ arguments: stated, isForeign, name }: QueuePlan, { queues }: Survey): TopologyDifference[] {
  const thing = `queue "${name}"`
  const found = queues.get(name)
  if (!found) return [missing(thing)]
  if (isForeign) return []
  const has: Readonly<Record<string, unknown>> = { ...found.arguments, 'x-queue-type': found.type }
  const every = [...new Set([...Object.keys(stated), ...Object.keys(has)])]

  return unequal(thing, [['durable', true, found.durable], ...every.map((argument) => [argument, stated[argument], has[argument]] as const)])
}

export function hasOtherArguments(queue: QueuePlan, survey: Survey): boolean {
  return ofQueue(queue, survey).some(isOfShape)
}

function ofBindings({ bindings, name }: QueuePlan, survey: Survey): TopologyDifference[] {
  const found = new Set(
    survey.bindings.filter(({ destination, destination_type }) => destination_type === 'queue' && destination === name).map((one) => wordOf(one.source, one.routing_key)),
  )

  return bindings.filter(({ exchange, routingKey }) => !found.has(wordOf(exchange, routingKey))).map((binding) => missing(bindingName(name, binding)))
}

export function bindingName(queue: string, { exchange, routingKey }: Binding): string {
  return `binding of queue "${queue}" to exchange "${exchange}" by "${routingKey}"`
}

/** Two bindings may differ in their arguments alone. */
export function foundName({ arguments: given, destination, routing_key, source }: FoundBinding): string {
  const name = bindingName(destination, { exchange: source, routingKey: routing_key })

  return Object.keys(given).length === 0 ? name : `${name} with ${JSON.stringify(given)}`
}

export function wordOf(exchange: string, routingKey: string): string {
  return JSON.stringify([exchange, routingKey])
}

function missing(thing: string): TopologyDifference {
  return { thing, part: existence, expected: true, found: undefined }
}

function unequal(thing: string, parts: readonly (readonly [part: string, expected: unknown, found: unknown])[]): TopologyDifference[] {
  return parts.filter(([, expected, found]) => expected !== found).map(([part, expected, found]) => ({ thing, part, expected, found }))
}
