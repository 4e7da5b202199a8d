import type { Fault } from './fault.js'
import type { Links } from './links.js'
import { definitionOf, type Definition } from './message.js'
import type { Plan } from './plan.js'

/** What the app asks for and its brokers, as they answered, cannot do. */
export function checkCapabilities(plan: Plan, links: Links): Fault[] {
  const listened = plan.listeners.flatMap(({ takes }) => (takes === 'raw' ? [] : takes.flatMap((type) => definitionOf(type) ?? [])))
  const definitions = new Set<Definition>([...plan.published.map(({ definition }) => definition), ...listened])

  return [...[...definitions].flatMap((definition) => checkDefinition(definition, links)), ...plan.published.flatMap((one) => checkAnswered(one, listened, links))]
}

/** Elsewhere another app may answer, now or later. */
function checkAnswered({ definition, publisher }: Plan['published'][number], listened: readonly Definition[], links: Links): readonly Fault[] {
  const { broker, isShared } = links.of(definition.channel).capabilities
  if (definition.kind !== 'query' || isShared || listened.includes(definition)) return []
  const sentence = `${publisher} asks "${definition.name}", which no listener of the app takes, and nobody else can be on its ${broker}: it would never be answered.`

  return [{ code: 'QUERY_UNHEARD', message: `${sentence} Write a @Listener for it, put its service into \`services\`, or use a broker that others reach.` }]
}

function checkDefinition({ name, channel, heard, kind, keyOf }: Definition, links: Links): Fault[] {
  const link = links.of(channel)
  const { broker, unroutable, replies, keyOrder } = link.capabilities
  const fault = (what: string, why: string): Fault => ({ code: 'UNSUPPORTED_OPTION', message: `"${name}" ${what}, and the transport "${link.name}" (${broker}) ${why}.` })

  return [
    ...(heard && !unroutable ? [fault('must be heard', 'cannot tell whether anybody listens. Leave "heard" out, or put the channel on another transport')] : []),
    ...(kind === 'query' && !replies ? [fault('is a query', 'cannot carry replies. Put its channel on another transport')] : []),
    ...(keyOf && !keyOrder ? [fault('has a key', 'keeps no order. Leave "key" out, or put the channel on another transport')] : []),
  ]
}
