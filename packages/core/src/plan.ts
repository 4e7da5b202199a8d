import type { Definition } from './definition.js'
import type { RetryOptions } from './listener.js'
import type { MessageClass } from './message.js'

/** What the decorators of an app's services mean, checked and resolved: what `start` builds from. */
export interface Plan {
  readonly listeners: readonly PlannedListener[]
  /** The classes of the app's `services`: those whose listeners run. */
  readonly services: readonly PlannedService[]
  /** Every message that a constructor or a method publishes. */
  readonly published: readonly { readonly definition: Definition; readonly publisher: string }[]
  /** Every message of the app, by its name on the wire (own and foreign). */
  readonly messages: ReadonlyMap<string, MessageClass>
}

export interface PlannedService {
  readonly type: ServiceClass
  /** What `@Service` calls it; undefined where it has no listeners and needs no name. */
  readonly name: string | undefined
}

/** One method that takes messages. */
export interface PlannedListener {
  readonly service: ServiceClass
  readonly serviceName: string
  readonly method: string | symbol
  /** For people: `Stock.reserve`. */
  readonly label: string
  readonly channel: string
  readonly group: string
  /** What it takes; a raw listener takes what nobody else of its group does. */
  readonly takes: readonly MessageClass[] | 'raw'
  /** What it declares to publish by what it returns. */
  readonly returns: readonly MessageClass[]
  readonly mode: 'single' | 'batch' | 'manual'
  readonly options: ResolvedListenerOptions
}

/** With every default, in milliseconds. */
export interface ResolvedListenerOptions {
  readonly concurrency: { readonly min: number; readonly max: number }
  readonly timeoutMs: number
  readonly retry: ResolvedRetry
  readonly rate: { readonly limit: number; readonly perMs: number; readonly by: string | undefined } | undefined
  readonly transaction: boolean
  readonly deadKey: 'park' | 'go on'
  readonly batch: { readonly size: number; readonly waitMs: number } | undefined
}

export interface ResolvedRetry {
  /** Every try counts; 1 is no retry. */
  readonly attempts: number
  /** The wait before try 2, 3, …; the last one repeats. */
  readonly waitsMs: readonly number[]
  /** Takes up to half off by chance of a wait that stays in process (under 5 s). Longer ones are kept by the broker, as they are. */
  readonly jitter: boolean
  readonly unless: NonNullable<RetryOptions['unless']>
}

// biome-ignore lint/suspicious/noExplicitAny: any is what a constraint over every class is
export type ServiceClass = new (...args: any[]) => object
