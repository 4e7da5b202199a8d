import type { AppOptions } from './app-options.js'
import { RunningApp } from './running-app.js'
import type { Contract, ReplyOf, Told } from './contract.js'
import type { DeadLetters } from './dead-letters.js'
import type { Health } from './health.js'
import type { AskOptions, PublishOptions } from './publisher.js'
import type { LiveTopology } from './app-topology.js'

export interface App {
  /** Resolves when every connection stands and every listener is attached. Rejects with every fault at once. */
  start(): Promise<void>
  /** Running listeners finish, within the shutdown time; what is left returns to the broker. Also ends a start that is under way. */
  stop(): Promise<void>
  /** The instance of a service; after `start`. One with listeners must be in `services`: elsewhere they would not run. */
  get<T>(type: abstract new (...args: never[]) => T): T
  // biome-ignore lint/suspicious/noExplicitAny: any is what a constraint over every message is
  publish(message: Contract<string, any, any, Told> | readonly Contract<string, any, any, Told>[], options?: PublishOptions): Promise<void>
  // biome-ignore lint/suspicious/noExplicitAny: any is what a constraint over every message is
  ask<M extends Contract<string, any, any, 'query'>>(query: M, options?: AskOptions): Promise<ReplyOf<M>>
  /** Everything inside commits or nothing does, messages included. For code outside a class. Needs a store. */
  transaction<T>(work: () => Promise<T>): Promise<T>
  health(): Health
  readonly deadLetters: DeadLetters
  /** What the app publishes and takes, as data known before `start`; and how far its brokers differ from that. */
  readonly topology: LiveTopology
}

/** Wires services to a broker. Nothing happens, and nothing is thrown, before `start`. */
export function createApp<const T extends string = string>(options: AppOptions<T>): App {
  return new RunningApp(options)
}
