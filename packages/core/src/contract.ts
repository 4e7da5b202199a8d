import type { StandardSchemaV1 } from '@standard-schema/spec'

declare const contract: unique symbol

export type Kind = 'event' | 'command' | 'query'

/** What can be told; the third kind, a query, is asked. */
export type Told = 'event' | 'command'

/** What every message instance carries in its type only. */
// biome-ignore lint/suspicious/noExplicitAny: any is what a constraint over every message is
export interface Contract<N extends string = string, I = any, R = any, K extends Kind = Kind> {
  readonly [contract]: { name: N; input: I; reply: R; kind: K }
}

// biome-ignore lint/suspicious/noExplicitAny: any is what a constraint over every message is
export type Named<K extends Kind = Kind> = abstract new (payload: any) => Contract<string, any, any, K>
export type PayloadOf<M extends Contract> = M[typeof contract]['input']
/** A reply as it is given and sent, and as its schema hands it to who asked. */
export interface Replying<I, O> {
  readonly given: I
  readonly got: O
}

export type ReplyOf<M extends Contract> = M[typeof contract]['reply'] extends Replying<infer _I, infer O> ? O : undefined
/** What the listener of a query returns: the wire carries it, so the reply's schema has not changed it yet. */
export type AnswerOf<M extends Contract> = M[typeof contract]['reply'] extends Replying<infer I, infer _O> ? I : undefined
export type KindOf<M extends Contract> = M[typeof contract]['kind']
export type NameOf<M extends Contract> = M[typeof contract]['name']
/** The slot by which a publisher's type remembers its message. */
export interface Carries<M extends Contract> {
  readonly [contract]?: M
}

// biome-ignore lint/suspicious/noExplicitAny: any is what a constraint over every schema is
export type Schema = StandardSchemaV1<any, object>
export type Input<S extends Schema> = StandardSchemaV1.InferInput<S>
export type Output<S extends Schema> = StandardSchemaV1.InferOutput<S>

/** What the wire can carry. A Date, bigint, Map or function in a schema's input is refused where the message is defined. */
export type Json<T> = unknown extends T
  ? T
  : T extends string | number | boolean | null | undefined
    ? T
    : T extends Date | bigint | symbol | ((...args: never[]) => unknown) | ReadonlyMap<unknown, unknown> | ReadonlySet<unknown>
      ? { readonly 'the wire is JSON and cannot carry': T }
      : T extends readonly (infer E)[]
        ? readonly Json<E>[]
        : T extends object
          ? { [K in keyof T]: Json<T[K]> }
          : never
export type OnWire<S extends Schema> = Input<S> extends Json<Input<S>> ? unknown : { readonly payload: Json<Input<S>> }

export type KeyField<T> = T extends unknown ? { [K in keyof T]-?: T[K] extends string | number ? K & string : never }[keyof T] : never
type IsUnion<T, U = T> = [T] extends [never] ? false : T extends unknown ? ([U] extends [T] ? false : true) : never

/**
 * A union, an open record or a list cannot be a base class: such a message carries it as `payload`.
 * `payload` is always the whole payload, so a field of that name is found inside it.
 */
export type Fields<O> =
  true extends IsUnion<O>
    ? { readonly payload: O }
    : string extends keyof O
      ? { readonly payload: Readonly<O> }
      : O extends readonly unknown[]
        ? { readonly payload: O }
        : 'payload' extends keyof O
          ? Readonly<Omit<O, 'payload'>> & { readonly payload: Readonly<O> }
          : Readonly<O>
