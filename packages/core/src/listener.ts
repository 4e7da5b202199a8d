import type { AnswerOf, KindOf, Contract, Named, Told } from './contract.js'
import type { BatchItem, Delivery, ManualDelivery, RawMessage } from './delivery.js'
import type { Duration } from './duration.js'
import { markListener, markRawListener } from './metadata.js'
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

export interface BatchOptions extends ListenerOptions {
  readonly batch: { readonly size: number; readonly wait?: Duration }
}

export type Listens<A extends unknown[], R> = (target: object, key: string | symbol, method: Method<(...args: A) => R>) => void
type Returns<M extends Contract> = KindOf<M> extends 'query' ? AnswerOf<M> | Promise<AnswerOf<M>> : unknown

// Of a call that fits none, the last overload's error is shown, and the first one's result is what the method is compared with.
export function Listener<M extends Named<Told>>(
  message: M,
  options: ListenerOptions & { readonly settle: 'manual' },
): Listens<[message: InstanceType<M>, delivery: ManualDelivery], unknown>
export function Listener<M extends readonly Named<Told>[]>(
  messages: readonly [...M],
  options?: ListenerOptions,
): Listens<[message: InstanceType<M[number]>, delivery: Delivery], unknown>
export function Listener<M extends Named<Told>>(
  message: M,
  options: BatchOptions,
): Listens<[messages: readonly InstanceType<M>[], items: readonly BatchItem[]], void | Promise<void>>
export function Listener<M extends Named>(message: M, options?: ListenerOptions): Listens<[message: InstanceType<M>, delivery: Delivery], Returns<InstanceType<M>>>
/** This method takes the message. What it throws is retried by its policy, then kept as a dead letter. */
export function Listener(messages: Named | readonly Named[], options: object = {}): (target: object, key: string | symbol, method: PropertyDescriptor) => void {
  return (target, key) => markListener(target, key, Array.isArray(messages) ? messages : [messages], options)
}

/** This method takes whatever passes on a channel and no other listener of its group declares: the bytes as they came. */
export function RawListener(channel: string, options: ListenerOptions = {}): Listens<[message: RawMessage, delivery: Delivery], unknown> {
  return (target, key) => markRawListener(target, key, channel, options)
}
