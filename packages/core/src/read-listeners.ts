import { noMessage } from './check-messages.js'
import type { Fault } from './fault.js'
import { describeFound, isRecord } from './found.js'
import { resolveListenerOptions } from './listener-options.js'
import type { MarkedService } from './marked-service.js'
import { definitionOf, type MessageClass } from './message.js'
import type { ListenerMark } from './metadata.js'
import { faultOfName } from './name.js'
import type { PlannedListener, ResolvedListenerOptions } from './plan.js'

interface Read {
  readonly listeners: readonly PlannedListener[]
  readonly faults: readonly Fault[]
}

/** The listeners of the listed services, one for each channel that a method listens on. */
export function readListeners(services: readonly MarkedService[]): Read {
  const read = services.flatMap((service) => service.marks.listeners.map((mark) => readListener(service, mark)))

  return { listeners: read.flatMap(({ listeners }) => listeners), faults: read.flatMap(({ faults }) => faults) }
}

function readListener(service: MarkedService, mark: ListenerMark): Read {
  const label = `${service.label}.${String(mark.method)}`
  const { options, faults } = resolveListenerOptions(label, mark.options)
  const given = isRecord(mark.options) ? mark.options : {}
  const common = {
    service: service.type,
    serviceName: service.serviceName ?? service.label,
    method: mark.method,
    label,
    group: typeof given.group === 'string' ? given.group : (service.serviceName ?? service.label),
    returns: returnsOf(service, mark),
    mode: options.batch ? 'batch' : given.settle === 'manual' ? 'manual' : 'single',
    options,
  } as const
  const places = placesOf(mark)

  return {
    listeners: [...places].map(([channel, takes]) => ({ ...common, channel, takes })),
    faults: [
      ...faults,
      ...checkGroup(label, given.group),
      ...checkTaken(label, mark),
      ...checkMode(label, mark, common.mode),
      ...checkRate(label, mark, options.rate),
      ...checkDeadKey(label, places, options.deadKey),
    ],
  }
}

type Places = ReadonlyMap<string, readonly MessageClass[] | 'raw'>

function placesOf({ messages }: ListenerMark): Places {
  if ('rawChannel' in messages) return new Map(typeof messages.rawChannel === 'string' ? [[messages.rawChannel, 'raw'] as const] : [])
  const places = new Map<string, MessageClass[]>()
  for (const type of new Set(messages)) {
    const definition = definitionOf(type)
    if (definition) places.set(definition.channel, [...(places.get(definition.channel) ?? []), type as MessageClass])
  }

  return places
}

function returnsOf({ marks }: MarkedService, { method }: ListenerMark): readonly MessageClass[] {
  const declared = marks.publisherMethods.filter((mark) => mark.method === method).flatMap(({ messages }) => messages)

  return declared.filter((type): type is MessageClass => definitionOf(type) !== undefined)
}

function checkGroup(label: string, group: unknown): readonly Fault[] {
  const bad = group === undefined ? undefined : faultOfName('group', group)

  return bad ? [{ code: 'GROUP_NAME', message: `${label}: ${bad}` }] : []
}

function checkTaken(label: string, { messages }: ListenerMark): readonly Fault[] {
  if ('rawChannel' in messages) {
    const bad = faultOfName('channel', messages.rawChannel)

    return bad ? [{ code: 'CHANNEL_NAME', message: `@RawListener on ${label}: ${bad}` }] : []
  }
  if (messages.length === 0) return [{ code: 'LISTENER_EMPTY', message: `@Listener on ${label} names no message. Name what the method takes: @Listener(OrderPlaced).` }]
  const twice = [...new Set(messages.filter((type, i) => messages.indexOf(type) !== i))]

  return [
    ...messages.filter((type) => !definitionOf(type)).map((type) => noMessage(`@Listener on ${label}`, type)),
    ...twice
      .filter((type) => definitionOf(type))
      .map((type) => ({ code: 'DUPLICATE_LISTENER', message: `@Listener on ${label} names ${describeFound(definitionOf(type)?.name)} twice. Remove one of the two.` })),
  ]
}

function checkMode(label: string, { messages }: ListenerMark, mode: PlannedListener['mode']): readonly Fault[] {
  const option = mode === 'batch' ? '`batch`' : "`settle: 'manual'`"
  if ('rawChannel' in messages) {
    return mode === 'single'
      ? []
      : [{ code: 'RAW_LISTENER', message: `@RawListener on ${label} has ${option}; a raw listener takes one delivery and settles by what it throws. Remove the option.` }]
  }
  const query = messages.map(definitionOf).find((definition) => definition?.kind === 'query')
  if (query && messages.length > 1)
    return [
      {
        code: 'QUERY_LISTENER',
        message: `@Listener on ${label} takes the query "${query.name}" together with other messages; what it returns answers that query alone. Give the query a method of its own.`,
      },
    ]
  if (query && mode !== 'single')
    return [{ code: 'QUERY_LISTENER', message: `@Listener on ${label} takes the query "${query.name}" with ${option}, so nobody would answer it. Remove the option.` }]
  if (messages.length > 1 && mode !== 'single')
    return [
      { code: 'LISTENER_MODE', message: `@Listener on ${label} takes ${messages.length} messages with ${option}, which needs exactly one. Give each message a method of its own.` },
    ]

  return []
}

function checkRate(label: string, { messages }: ListenerMark, rate: ResolvedListenerOptions['rate']): readonly Fault[] {
  if (!('rawChannel' in messages) || rate?.by === undefined) return []

  return [
    {
      code: 'RAW_LISTENER',
      message: `@RawListener on ${label} has \`rate.by\`, a field of a payload, and a raw listener takes bytes that nobody has read. Leave \`by\` out, or take a message by @Listener.`,
    },
  ]
}

function checkDeadKey(label: string, places: Places, deadKey: 'park' | 'go on'): readonly Fault[] {
  const takes = [...places.values()].flatMap((types) => (types === 'raw' ? [] : types))
  const definitions = takes.map(definitionOf)
  if (deadKey === 'go on') return []
  if (definitions.some((definition) => definition?.kind === 'query'))
    return [{ code: 'DEAD_KEY', message: `${label} answers a query with \`deadKey: 'park'\`; a query has no dead letter. Remove the option.` }]
  if (definitions.some((definition) => definition?.keyOf)) return []

  return [
    {
      code: 'DEAD_KEY',
      message: `${label} has \`deadKey: 'park'\`, but none of its messages has a key whose order could be kept. Give the message a \`key\`, or remove the option.`,
    },
  ]
}
