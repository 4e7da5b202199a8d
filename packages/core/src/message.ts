import type { StandardSchemaV1 } from '@standard-schema/spec'
import type { Contract, Fields, Input, KeyField, Kind, OnWire, Output, Replying, Schema } from './contract.js'
import { type Definition, resolveDefinition } from './definition.js'
import type { LoggedAs } from './logged.js'
import { validate } from './schema.js'
import { isPlain, snapshotOf } from './snapshot.js'

export interface MessageOptions<S extends Schema> {
  /** Where messages of this family travel. Default: the name up to its first dot. */
  readonly channel?: string
  /** Keeps order: same key, one after another. */
  readonly key?: KeyField<Output<S>> | ((payload: Output<S>) => string)
  readonly payload: S
  /** The version of the payload's shape, written on the wire. Default: 1. */
  readonly version?: number
  /** How a payload of an earlier version becomes one of the next, a step at a time. */
  // biome-ignore lint/suspicious/noExplicitAny: the payload of a version that no longer has a type
  readonly upcast?: Readonly<Record<number, (payload: any) => unknown>>
  /** How systems that are not Waybill call it: their type header, `com.acme.OrderPlaced`. Taken in addition to the own name. */
  readonly foreign?: { readonly name: string }
  /** What of its payload stands in log lines about it, and how. Default: nothing. */
  readonly logged?: Readonly<Partial<Record<keyof Input<S> & string, LoggedAs>>>
}

export interface MessageBase<N extends string, S extends Schema, R, K extends Kind> {
  /** An instance is always valid: the constructor runs the schema. */
  new (payload: Input<S>): Fields<Output<S>> & Contract<N, Input<S>, R, K>
  readonly messageName: N
}

/** Something happened. Any number of groups hear it; none is fine unless it must be `heard`. */
export function Event<const N extends string, S extends Schema>(
  name: N,
  options: MessageOptions<S> & OnWire<S> & { readonly heard?: true },
): MessageBase<N, S, undefined, 'event'> {
  return define('event', name, options)
}

/** Somebody shall do it. One group takes it; nobody there is an error. */
export function Command<const N extends string, S extends Schema>(name: N, options: MessageOptions<S> & OnWire<S>): MessageBase<N, S, undefined, 'command'> {
  return define('command', name, options)
}

/** Somebody shall answer, now. Never held, never retried past its deadline. */
export function Query<const N extends string, S extends Schema, R extends Schema>(
  name: N,
  options: MessageOptions<S> & OnWire<S> & { readonly reply: R },
): MessageBase<N, S, Replying<Input<R>, Output<R>>, 'query'> {
  return define('query', name, options)
}

/** A schema that trusts its sender. */
export function unchecked<T extends object>(): StandardSchemaV1<T, T> {
  return { '~standard': { version: 1, vendor: 'waybill', validate: (value) => ({ value: value as T }) } }
}

export type { Definition } from './definition.js'

/** The one class below every message: it validates, and remembers what goes on the wire. */
export class Message {
  readonly #input: unknown
  readonly #output: object

  constructor(definition: Definition, input: unknown, isFresh: boolean) {
    this.#input = isFresh ? input : snapshotOf(input)
    const validated = validate(definition.schema, definition.name, input)
    // A schema that trusts its sender hands back what it was given.
    this.#output = validated === input && isPlain(input) ? (this.#input as object) : validated
    if (Array.isArray(this.#output)) return
    const self = this as Record<string, unknown>
    const output = this.#output as Readonly<Record<string, unknown>>
    for (const field of Object.keys(output)) {
      // A hostile record must not replace a method or the prototype; what it holds stays readable as `payload`.
      if (!(field in self)) self[field] = output[field]
    }
  }

  /** The whole validated payload, always: also where it has a field of this name. */
  get payload(): unknown {
    return this.#output
  }

  /** What the wire carries: the payload as it was given, before the schema changed it. */
  static inputOf(message: Message): unknown {
    return message.#input
  }

  static outputOf(message: Message): object {
    return message.#output
  }
}

/** What the wire carries of a message: its payload as it was given, before the schema changed it. */
export function inputOf(message: object): unknown {
  return message instanceof Message ? Message.inputOf(message) : message
}

/** A message of what nobody else can change any more: what was read from bytes. */
export function freshMessage(type: MessageClass, input: unknown): Message {
  return new (type as new (input: unknown, mark: unknown) => Message)(input, fresh)
}

const fresh = Symbol('waybill:fresh')

/** A class that `Event`, `Command` or `Query` made, or one that extends it. */
export type MessageClass = (new (input: unknown) => Message) & { readonly messageName: string }

const definitions = new WeakMap<object, Definition>()

/** The definition behind a message class or any class that extends it; undefined for every other value. */
export function definitionOf(type: unknown): Definition | undefined {
  for (let at = type; typeof at === 'function'; at = Object.getPrototypeOf(at)) {
    const found = definitions.get(at)
    if (found) return found
  }

  return undefined
}

function define<N extends string, S extends Schema, R, K extends Kind>(kind: K, name: N, options: MessageOptions<S>): MessageBase<N, S, R, K> {
  const definition = resolveDefinition(kind, name, options)
  const type = class extends Message {
    static readonly messageName = name

    constructor(input: unknown, mark?: unknown) {
      super(definition, input, mark === fresh)
    }
  }
  definitions.set(type, definition)

  return type as unknown as MessageBase<N, S, R, K>
}
