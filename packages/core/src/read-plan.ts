import type { AppOptions } from './app-options.js'
import { transportsOf } from './app-transports.js'
import { ChannelRules } from './channel-rules.js'
import { checkBindings, checkChannels, checkHonoured } from './check-channels.js'
import { checkListeners } from './check-listeners.js'
import { checkMessages, collectMessages } from './check-messages.js'
import { checkOptions } from './check-options.js'
import { checkServices } from './check-services.js'
import { checkTransactions } from './check-transactions.js'
import type { Fault } from './fault.js'
import { isRecord } from './found.js'
import { definitionOf } from './message.js'
import type { Plan } from './plan.js'
import { readListeners } from './read-listeners.js'
import { topologyOf } from './topology.js'
import { listedServices, reachableServices, type MarkedService } from './marked-service.js'

/** What an app's options and decorators mean, and everything that is wrong with them, found without making an instance. Never throws. */
export function readPlan(options: AppOptions): { readonly plan: Plan; readonly faults: readonly Fault[] } {
  const given: unknown = options
  const faults = [...checkOptions(given)]
  const read = isRecord(given) ? given : {}
  const listed = listedServices(read.services)
  const reachable = reachableServices(listed)
  faults.push(...checkServices(read.services, listed, reachable))

  const { listeners, faults: listenerFaults } = readListeners(listed)
  const uses = collectMessages(reachable)
  const rules = new ChannelRules(isRecord(read.channels) ? read.channels : {})
  const channelFaults = checkChannels(read, rules, channelsOf(listeners, uses))
  faults.push(...listenerFaults, ...checkListeners(listeners, read.namespace, rules), ...checkMessages(uses), ...channelFaults, ...checkTransactions(read, reachable))
  const plan = { services: listed.map(({ type, serviceName }) => ({ type, name: serviceName })), listeners, published: publishedBy(reachable), messages: byName(uses) }
  const topology = topologyOf(
    plan,
    () => '',
    (channel) => rules.optionsOf(channel),
  )

  // A transport is asked about options of the right shape alone.
  const honoured = channelFaults.length === 0 ? checkHonoured(topology, transportsOf(read)) : []

  return { plan, faults: once([...faults, ...checkBindings(topology), ...honoured]) }
}

function channelsOf(listeners: Plan['listeners'], uses: ReturnType<typeof collectMessages>): readonly string[] {
  return [...listeners.map(({ channel }) => channel), ...uses.map(({ definition }) => definition.channel)]
}

function publishedBy(services: readonly MarkedService[]): Plan['published'] {
  const uses = services.flatMap(({ label, marks }) => [
    ...marks.publisherParameters.flatMap(({ messages }) => messages.map((type) => ({ type, publisher: `${label}.constructor` }))),
    ...marks.publisherMethods.flatMap(({ method, messages }) => messages.map((type) => ({ type, publisher: `${label}.${String(method)}` }))),
  ])

  return uses.flatMap(({ type, publisher }) => {
    const definition = definitionOf(type)

    return definition ? [{ definition, publisher }] : []
  })
}

function byName(uses: ReturnType<typeof collectMessages>): Plan['messages'] {
  const found: [string, (typeof uses)[number]['type']][] = []
  for (const { type, definition } of uses) {
    found.push([definition.name, type])
    if (definition.foreignName !== undefined) found.push([definition.foreignName, type])
  }

  return new Map(found)
}

/** A message that is used in five places is wrong once. */
function once(faults: readonly Fault[]): readonly Fault[] {
  return [...new Map(faults.map((fault) => [`${fault.code} ${fault.message}`, fault])).values()]
}
