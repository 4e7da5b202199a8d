import type { Health } from './health.js'
import type { Logger } from './logger.js'
import type { Middleware } from './middleware.js'
import type { Plan } from './plan.js'
import type { Runtime } from './runtime.js'
import type { TraceSource } from './trace.js'
import type { Depth, GroupAddress } from './transport.js'

/** Something that lives and dies with the app: metrics, an outbox. */
export interface Plugin {
  readonly name: string
  /** Around every listener and publish, outside of the app's own. */
  readonly middleware?: Middleware
  /** Says which trace each message belongs to that the app makes. Of several plugins the first that has it. */
  readonly trace?: TraceSource
  /** Called first of all, before any broker is reached: for what must answer while one is away. What it throws fails `start`. */
  open?(app: PluginHost): Promise<void> | void
  /** Called when transports are connected and declared, before the first message moves. What it throws fails `start`. */
  start?(app: PluginHost): Promise<void> | void
  /** Called after the last listener has finished, in the opposite order; also where `start` failed, and without an `open` before. */
  stop?(): Promise<void> | void
}

export interface PluginHost {
  readonly app: string
  readonly plan: Plan
  readonly runtime: Runtime
  readonly log: Logger
  readonly transports: readonly PluginTransport[]
  /** As `app.health()`, at any time. */
  health(): Health
  /** Asks the brokers how much waits for each group of the app. Rejects never: what cannot be told is left out, with a line in the log. */
  depths(): Promise<readonly GroupDepth[]>
}

/** One transport of the app. */
export interface PluginTransport {
  /** What the app calls it. */
  readonly name: string
  /** The product: `rabbitmq`, `kafka`, `memory`. */
  readonly system: string
}

export type GroupDepth = GroupAddress & Depth & { readonly transport: string }
