import type { ChannelRules } from './channel-rules.js'
import type { Fault } from './fault.js'
import { definitionOf } from './message.js'
import type { PlannedListener } from './plan.js'

/** What is wrong with the listeners of an app side by side. */
export function checkListeners(listeners: readonly PlannedListener[], namespace: unknown, rules: ChannelRules): readonly Fault[] {
  return [...checkDuplicates(listeners), ...checkOneGroup(listeners), ...checkReplies(listeners), ...checkLengths(listeners, namespace, rules)]
}

/** One message and the listener that takes it. */
interface Taken {
  readonly name: string
  readonly kind: string
  readonly listener: PlannedListener
}

function taken(listeners: readonly PlannedListener[]): readonly Taken[] {
  return listeners.flatMap((listener) => {
    if (listener.takes === 'raw') return [{ name: '', kind: 'raw', listener }]

    return listener.takes.flatMap((type) => {
      const definition = definitionOf(type)

      return definition ? [{ name: definition.name, kind: definition.kind, listener }] : []
    })
  })
}

function checkDuplicates(listeners: readonly PlannedListener[]): readonly Fault[] {
  const groups = gather(taken(listeners), ({ name, listener }) => `${listener.channel} ${listener.group} ${name}`)

  return groups.flatMap((uses) => {
    const [first] = uses
    if (!first || uses.length < 2) return []
    const what = first.kind === 'raw' ? `are raw listeners on channel "${first.listener.channel}"` : `take "${first.name}" (channel "${first.listener.channel}")`

    return [
      {
        code: 'DUPLICATE_LISTENER',
        message: `${numberOf(uses.length)} listeners ${what} in group "${first.listener.group}": ${enumerate(uses.map(({ listener }) => listener.label))}. A group shares the work, so only one of them would run. Give each of the others another group, or call the others from the first.`,
      },
    ]
  })
}

function checkOneGroup(listeners: readonly PlannedListener[]): readonly Fault[] {
  const directed = taken(listeners).filter(({ kind }) => kind === 'command' || kind === 'query')

  return gather(directed, ({ name }) => name).flatMap((uses) => {
    const [first] = uses
    const one = new Map(uses.map(({ listener }) => [listener.group, listener]))
    if (!first || one.size < 2) return []
    const who = enumerate([...one.values()].map(({ group, label }) => `"${group}" by ${label}`))

    return [
      {
        code: 'TWO_GROUPS',
        message: `${numberOf(one.size)} groups take the ${first.kind} "${first.name}" (channel "${first.listener.channel}"): ${who}. Exactly one group ${first.kind === 'query' ? 'answers a query' : 'does a command'}: keep one, or make it an Event.`,
      },
    ]
  })
}

function checkReplies(listeners: readonly PlannedListener[]): readonly Fault[] {
  return taken(listeners)
    .filter(({ kind, listener }) => kind === 'query' && listener.returns.length > 0)
    .map(({ name, listener }) => ({
      code: 'QUERY_LISTENER',
      message: `${listener.label} answers the query "${name}" and has @Publisher; what it returns is the reply and cannot be published too. Inject a publisher into the constructor instead.`,
    }))
}

/** A topic's name has at most 249 characters, and the longest ending that a transport adds is `.retry.<rung>`. */
const longest = 235

function checkLengths(listeners: readonly PlannedListener[], namespace: unknown, rules: ChannelRules): readonly Fault[] {
  const names = listeners.map(({ channel, group, label }) => ({ label, name: [...(typeof namespace === 'string' ? [namespace] : []), rules.physicalOf(channel), group].join('.') }))

  return names
    .filter(({ name }) => name.length > longest)
    .map(({ name, label }) => ({
      code: 'NAME_LENGTH',
      message: `${label}: its queue would be called "${name.slice(0, 60)}…". Namespace, channel and group together have at most ${longest} characters; found ${name.length}. Shorten one of them.`,
    }))
}

function numberOf(count: number): string {
  return count === 2 ? 'Two' : String(count)
}

function enumerate(all: readonly string[]): string {
  return `${all.slice(0, -1).join(', ')} and ${all.at(-1)}`
}

function gather<T>(items: readonly T[], keyOf: (item: T) => string): readonly (readonly T[])[] {
  const groups = new Map<string, T[]>()
  for (const item of items) {
    const key = keyOf(item)
    const group = groups.get(key)
    if (group) group.push(item)
    else groups.set(key, [item])
  }

  return [...groups.values()]
}
