import type { Kind } from './contract.js'
import type { ChannelOptions } from './channel-options.js'
import { definitionOf, type Definition } from './message.js'
import type { Plan, PlannedListener } from './plan.js'
import type { ChannelTopology, GroupTopology } from './transport.js'

/** An app's channels, groups and messages, before any broker's words for them. */
export interface AppTopology {
  readonly channels: readonly (ChannelTopology & { readonly transport: string })[]
  readonly messages: readonly MessageTopology[]
}

export interface MessageTopology {
  readonly name: string
  readonly kind: Kind
  readonly channel: string
  readonly publishers: readonly string[]
  readonly listeners: readonly string[]
}

/** What the plan of an app needs of its brokers. */
export function topologyOf(plan: Plan, transportOf: (channel: string) => string, optionsOf: (channel: string) => ChannelOptions): AppTopology {
  const names = new Set([...plan.listeners.map(({ channel }) => channel), ...plan.published.map(({ definition }) => definition.channel)])

  return {
    channels: [...names].sort().map((name) => ({ ...channelOf(name, plan, optionsOf(name)), transport: transportOf(name) })),
    messages: messagesOf(plan),
  }
}

function channelOf(name: string, plan: Plan, options: ChannelOptions): ChannelTopology {
  const listeners = plan.listeners.filter(({ channel }) => channel === name)
  const messages = new Map<string, { name: string; keyed: boolean }>()
  for (const definition of [...plan.published.map((published) => published.definition), ...listeners.flatMap(definitionsOf)]) {
    if (definition.channel === name) messages.set(definition.name, { name: definition.name, keyed: definition.keyOf !== undefined })
  }
  const groups = [...new Set(listeners.map(({ group }) => group))].sort()

  return { name, options, messages: [...messages.values()], groups: groups.map((group) => groupOf(group, listeners, options)) }
}

function groupOf(name: string, listeners: readonly PlannedListener[], options: ChannelOptions): GroupTopology {
  const own = listeners.filter(({ group }) => group === name)
  const definitions = own.flatMap(definitionsOf)
  const types = definitions.flatMap((definition) => (definition.foreignName === undefined ? [definition.name] : [definition.name, definition.foreignName]))
  const takesAll = own.some(({ takes }) => takes === 'raw')

  return { name, types: takesAll ? 'all' : types, keyed: takesAll || definitions.some(({ keyOf }) => keyOf !== undefined), partitions: options.partitions ?? 1 }
}

function messagesOf(plan: Plan): readonly MessageTopology[] {
  const found = new Map<string, { definition: Definition; publishers: string[]; listeners: string[] }>()
  const entry = (definition: Definition): { publishers: string[]; listeners: string[] } => {
    const known = found.get(definition.name) ?? { definition, publishers: [], listeners: [] }
    found.set(definition.name, known)

    return known
  }
  for (const { definition, publisher } of plan.published) entry(definition).publishers.push(publisher)
  for (const listener of plan.listeners) for (const definition of definitionsOf(listener)) entry(definition).listeners.push(listener.label)

  return [...found.values()].map(({ definition, publishers, listeners }) => ({ name: definition.name, kind: definition.kind, channel: definition.channel, publishers, listeners }))
}

function definitionsOf({ takes }: PlannedListener): readonly Definition[] {
  return takes === 'raw' ? [] : takes.flatMap((type) => definitionOf(type) ?? [])
}
