import type { Definition } from './definition.js'
import type { Fault } from './fault.js'
import { describeFound, nameOf } from './found.js'
import type { MarkedService } from './marked-service.js'
import { definitionOf, type MessageClass } from './message.js'
import { faultOfSchema } from './schema.js'

/** A message class, and where an app uses it. */
export interface MessageUse {
  readonly type: MessageClass
  readonly definition: Definition
  /** For people: `Orders.constructor`. */
  readonly place: string
}

/** Every use of a message class by a listener or a publisher. What is no message class is a fault elsewhere. */
export function collectMessages(services: readonly MarkedService[]): readonly MessageUse[] {
  return services.flatMap(({ label, marks }) => [
    ...marks.listeners.flatMap(({ method, messages }) => ('rawChannel' in messages ? [] : usesOf(messages, `${label}.${String(method)}`))),
    ...marks.publisherMethods.flatMap(({ method, messages }) => usesOf(messages, `${label}.${String(method)}`)),
    ...marks.publisherParameters.flatMap(({ messages }) => usesOf(messages, `${label}.constructor`)),
  ])
}

/** What is wrong with the definitions of an app's messages, each for itself and side by side. */
export function checkMessages(uses: readonly MessageUse[]): readonly Fault[] {
  const definitions = [...new Set(uses.map(({ definition }) => definition))]

  return [...definitions.flatMap((definition) => [...definition.faults, ...checkSchemas(definition)]), ...checkNames(uses)]
}

/** The fault of something that stands where a message class belongs. */
export function noMessage(place: string, found: unknown): Fault {
  const remedy =
    found === undefined
      ? 'Two files probably import each other, or the message is defined below: define messages in a file of their own.'
      : 'Name a class that extends Event(…), Command(…) or Query(…), from the same copy of @waybill/core.'

  return { code: 'NOT_A_MESSAGE', message: `${place} names a message class; found ${describeFound(found)}. ${remedy}` }
}

function usesOf(types: readonly unknown[], place: string): readonly MessageUse[] {
  return types.flatMap((type) => {
    const definition = definitionOf(type)

    return definition ? [{ type: type as MessageClass, definition, place }] : []
  })
}

function checkSchemas(definition: Definition): readonly Fault[] {
  return [definition.schema, ...(definition.reply ? [definition.reply] : [])].flatMap((schema) => faultOfSchema(schema, definition.name) ?? [])
}

function checkNames(uses: readonly MessageUse[]): readonly Fault[] {
  const first = new Map<string, MessageUse>()
  const reported = new Set<string>()

  return uses.flatMap((use) =>
    [use.definition.name, use.definition.foreignName].flatMap((name) => {
      if (name === undefined) return []
      const other = first.get(name)
      if (!other) first.set(name, use)
      if (!other || other.type === use.type || reported.has(name)) return []
      reported.add(name)

      return [twoOfOneName(name, other, use)]
    }),
  )
}

function twoOfOneName(name: string, one: MessageUse, other: MessageUse): Fault {
  const remedy =
    one.definition === other.definition
      ? 'One class extends the other: use one of them everywhere.'
      : 'Give one of them another name; if they are the same class, its file is loaded twice.'

  return {
    code: 'DUPLICATE_MESSAGE',
    message: `Two message classes are called "${name}": ${nameOf(one.type)}, used by ${one.place}, and ${nameOf(other.type)}, used by ${other.place}. What comes in under that name can be only one of them. ${remedy}`,
  }
}
