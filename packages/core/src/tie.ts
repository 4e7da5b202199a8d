import type { Message, MessageClass } from './message.js'
import type { ResolvedTransaction } from './transactions.js'

/** What an instance made by an app's container knows of that app. */
export interface Ties {
  /** `running` also while the last listeners of a stopping app finish. */
  state(): 'new' | 'running' | 'stopped'
  /** Runs a method in a transaction. `label` is for people: `Orders.place`. */
  transact<T>(label: string, settings: ResolvedTransaction, work: () => Promise<T>): Promise<T>
  /** Sends or holds what a method returned; rejects as a publisher does. `label` is for people: `Orders.decide`. */
  publish(messages: readonly Message[], declared: readonly MessageClass[], label: string): Promise<void>
  /** Rejects as a publisher that does not publish. */
  refused(error: Error, label: string): Promise<never>
}

// Kept beside the instance: a service stays a plain object that a test can make and compare.
const ties = new WeakMap<object, Ties>()

/** Ties an instance to its app. */
export function tie(instance: object, to: Ties): void {
  ties.set(instance, to)
}

/** Undefined for an instance made by hand, as in a unit test. */
export function tieOf(instance: unknown): Ties | undefined {
  return typeof instance === 'object' && instance !== null ? ties.get(instance) : undefined
}
