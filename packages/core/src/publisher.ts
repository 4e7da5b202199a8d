import type { Carries, Contract, KindOf, NameOf, Named, PayloadOf, ReplyOf, Told } from './contract.js'
import type { Duration } from './duration.js'
import { markPublisherMethod, markPublisherParameter } from './metadata.js'

export interface PublishOptions {
  /** Default: a new one. The same id again is the same message. */
  readonly id?: string
  /** Nobody gets it before. Refused where the broker cannot keep it back (a log: Kafka); in a transaction with the outbox it becomes a timer, on every broker. */
  readonly delay?: Duration
  /** Nobody gets it afterwards. Refused on a log. */
  readonly expires?: Duration
  /** 0 to 255, the higher the earlier. Refused where the broker has no priorities. */
  readonly priority?: number
  readonly headers?: Readonly<Record<string, string | number | boolean>>
  readonly signal?: AbortSignal
  /** Leaves now, whatever becomes of the transaction or listener around it. */
  readonly held?: false
}

export interface AskOptions {
  readonly timeout?: Duration
  readonly signal?: AbortSignal
}

/** Resolves when the broker has the message, or, in a transaction or listener, when it is held for its success. A plain function: `async () => {}` is a fake. */
export interface Publish<M extends Contract> extends Carries<M> {
  (payload: PayloadOf<M> | readonly PayloadOf<M>[], options?: PublishOptions): Promise<void>
}

/** Resolves with the reply. Rejects inside a transaction, which it would hold open. */
export interface Ask<M extends Contract> extends Carries<M> {
  (payload: PayloadOf<M>, options?: AskOptions): Promise<ReplyOf<M>>
}

// biome-ignore lint/suspicious/noExplicitAny: any is what a constraint over every class is
type Constructor = abstract new (...args: any[]) => any
export type Method<F> = { value?: F | undefined }
type Exactly<A, B> = [A] extends [B] ? ([B] extends [A] ? true : false) : false
type Fits<P, M extends Contract> = KindOf<M> extends 'query' ? (P extends Ask<infer X> ? Exactly<X, M> : false) : P extends Publish<infer X> ? Exactly<X, M> : false
type Checked<C extends Constructor, I extends number, M extends Contract> =
  Fits<ConstructorParameters<C>[I], M> extends true
    ? unknown
    : KindOf<M> extends 'query'
      ? { readonly 'this parameter must be the Ask of': NameOf<M> }
      : { readonly 'this parameter must be the Publish of': NameOf<M> }

type Target<T, K, P, M extends Contract> = P extends number
  ? [T, K] extends [Constructor, undefined]
    ? Checked<T & Constructor, P, M>
    : { readonly '@Publisher stands on parameters of the constructor alone, and publishes': NameOf<M> }
  : unknown

type Returned<M extends Contract> = KindOf<M> extends Told ? M | readonly M[] | undefined | void : { readonly 'a query is asked, not returned: inject its Ask': NameOf<M> }
type Place<P, M extends Contract> = P extends number ? P : Method<(...args: never[]) => Promise<Returned<M>>>

/** On a constructor parameter: injects the publisher. On a method: what it returns is published. */
// One signature: of several, the compiler would show the error of the wrong one.
export type PublisherDecorator<M extends Contract> = <T, K extends string | symbol | undefined, const P>(target: T & Target<T, K, P, M>, key: K, place: Place<P, M>) => void

/** A list is let in for the sake of its error, which would be told of the method or the parameter otherwise. */
type Given = Named | readonly Named[]
type OneByOne<G> = G extends readonly unknown[] ? { readonly '@Publisher names each message by itself, without a list': '@Publisher(OrderPlaced, OrderRejected)' } : unknown
type MessageOf<G extends Given> = G extends Named ? InstanceType<G> : G extends readonly Named[] ? InstanceType<G[number]> : never

/**
 * On a constructor parameter it injects the function that publishes the message (an {@link Ask} for a query).
 * On a method, what the method returns is published once it succeeded.
 */
export function Publisher<M extends readonly Given[]>(...messages: { [I in keyof M]: M[I] & OneByOne<M[I]> }): PublisherDecorator<MessageOf<M[number]>> {
  const decorator = (target: object, key: string | symbol | undefined, place: number | PropertyDescriptor): void => {
    if (typeof place === 'number') return markPublisherParameter(target, key, place, messages)

    markPublisherMethod(target, key, place, messages)
  }

  return decorator as PublisherDecorator<MessageOf<M[number]>>
}
