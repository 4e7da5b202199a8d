import type { ChannelOptions } from './channel-options.js'
import type { Module } from './container.js'
import type { Duration } from './duration.js'
import type { Limits } from './limits.js'
import type { Logger } from './logger.js'
import type { Middleware } from './middleware.js'
import type { ServiceClass } from './plan.js'
import type { Plugin } from './plugin.js'
import type { Backlog } from './room.js'
import type { Runtime } from './runtime.js'
import type { Transport } from './transport.js'

interface CommonOptions<T extends string> {
  readonly name: string
  /** Prefixes every queue, exchange, topic and table, so that several systems share one broker. */
  readonly namespace?: string
  readonly services: readonly ServiceClass[]
  /** What is said about single channels: partitions, queue type, which transport. */
  readonly channels?: Readonly<Record<string, ChannelOptions & { readonly transport?: NoInfer<T> }>>
  /** The user's own bindings for everything that is no `@Service`. */
  readonly modules?: readonly Module[]
  /** Around every publish and every listener, in this order from the outside in. */
  readonly middleware?: readonly Middleware[]
  readonly plugins?: readonly Plugin[]
  /** false: SIGTERM and SIGINT are left to the program. Default: they stop the app, then the process ends. */
  readonly signals?: false
  /** What a message may be at most: listeners keep what is larger as a dead letter, publishers refuse it. */
  readonly limits?: Partial<Limits>
  /** After which `start` gives up: on a broker that cannot be reached, on a plugin that hangs. Default: never; it waits, says so in the log, and goes on by itself. */
  readonly startDeadline?: Duration
  /** After which a publish that is not confirmed settles as `unknown`. Default: 10 s. */
  readonly publishDeadline?: Duration
  /** How much may be published and not confirmed before `publish` waits, within its deadline. Default: 10,000 messages, 64 MiB. */
  readonly backlog?: Partial<Backlog>
  /** How long `stop` lets running listeners finish. Default: 25 s. */
  readonly shutdown?: `${number}${'ms' | 's' | 'm'}`
  readonly log?: Logger | false
  /** Time, chance and identity; a test's virtual clock. Default: the system's. */
  readonly runtime?: Runtime
}

/** One broker, or several by name; the first is where a channel lives that says nothing else. */
export type AppOptions<T extends string = string> = CommonOptions<T> &
  ({ readonly transport: Transport; readonly transports?: never } | { readonly transports: Readonly<Record<T, Transport>>; readonly transport?: never })
