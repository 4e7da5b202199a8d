import type { AnswerOf, Contract, KindOf, Named, Told } from './contract.js'
import type { BatchItem, Delivery, ManualDelivery, RawMessage } from './delivery.js'
import type { Duration } from './duration.js'
import { nameOf } from './found.js'
import { addFault, markListener, markRawListener } from './metadata.js'
import { withoutParentheses } from './misplaced.js'
import type { Method } from './publisher.js'

export interface RetryOptions {
  /** Every try counts, the first one too. */
  readonly attempts?: number
  readonly backoff?: `${Duration}..${Duration}` | readonly Duration[]
  /** Errors that no retry can mend: dead letter at once. */
  readonly unless?: readonly (new (
    ...args: never[]
  ) => Error)[]
}

export interface ListenerOptions {
  readonly group?: string
  readonly concurrency?: number | readonly [min: number, max: number]
  readonly timeout?: Duration
  readonly retry?: RetryOptions | false
  readonly rate?: { readonly limit: number; readonly per: Duration; readonly by?: string }
  /** false: no transaction and no inbox row, for listeners that talk to the outside. */
  readonly transaction?: false
  /** What happens to a key whose message is dead: its later messages wait beside it, or go on. Default: 'go on'. */
  readonly deadKey?: 'park' | 'go on'
}

/** How many messages a listener takes at a time, and how long it waits for them. */
export interface Batch {
  readonly size: number
  readonly wait?: Duration
}

export interface BatchOptions extends ListenerOptions {
  readonly batch: Batch
}

export type Listens<A extends unknown[], R> = (target: object, key: string | symbol, method: Method<(...args: A) => R>) => void

type Messages = Named | readonly Named<Told>[]
type OneOf<M extends Messages> = M extends readonly Named[] ? InstanceType<M[number]> : M extends Named ? InstanceType<M> : never

/** A query is answered, and several messages are told apart, one at a time. */
type Modes<M extends Messages, B extends Batch, S extends 'manual'> =
  M extends Named<Told> ? ListenerOptions & { readonly batch?: B; readonly settle?: [B] extends [never] ? S : never } : ListenerOptions

type Takes<M extends Messages, B extends Batch, S extends 'manual'> = [B] extends [never]
  ? [message: OneOf<M>, delivery: [S] extends [never] ? Delivery : ManualDelivery]
  : [messages: readonly OneOf<M>[], items: readonly BatchItem[]]

type Gives<M extends Messages, B extends Batch> = [B] extends [never] ? Returns<OneOf<M>> : void | Promise<void>
type Returns<M extends Contract> = KindOf<M> extends 'query' ? AnswerOf<M> | Promise<AnswerOf<M>> : unknown

/** This method takes the message, or each of several. What it throws is retried by its policy, then kept as a dead letter. */
export function Listener<const M extends Messages, B extends Batch = never, S extends 'manual' = never>(
  messages: M,
  options?: Modes<M, B, S>,
): Listens<Takes<M, B, S>, Gives<M, B>> {
  const place: unknown = options
  if (typeof place === 'string' || typeof place === 'symbol')
    return addFault(
      (messages as object).constructor,
      withoutParentheses('@Listener', `${nameOf((messages as object).constructor)}.${String(place)}`, '@Listener(OrderPlaced)'),
    ) as never

  return (target, key) => markListener(target, key, Array.isArray(messages) ? (messages as readonly Named[]) : [messages], options)
}

/** This method takes whatever passes on a channel and no other listener of its group declares: the bytes as they came. */
export function RawListener(channel: string, options: ListenerOptions = {}): Listens<[message: RawMessage, delivery: Delivery], unknown> {
  return (target, key) => markRawListener(target, key, channel, options)
}
