import type { Topology, TransportHost } from './transport.js'

/** The topology of one transport, and whose it is. */
export interface TopologyOfHost {
  readonly host: TransportHost
  readonly topology: Topology
}

/** One thing at the broker that is not as the app states it. */
export interface TopologyDifference {
  /** For people: `queue "orders.billing"`. */
  readonly thing: string
  /** What of it: an argument, its `type`, `durable`; `existence` where it is missing. */
  readonly part: string
  readonly expected: unknown
  /** Undefined: there is none. */
  readonly found: unknown
}

/** One thing at the broker, on a channel of the app, that this app does not need and that nobody was seen to use. */
export interface UnusedThing {
  /** For people, and its name for `remove`. */
  readonly thing: string
  readonly kind: 'queue' | 'binding' | 'exchange'
  /** Why it counts as unused. */
  readonly reason: string
  /** How many messages wait in it. */
  readonly messages: number
}

export interface RemoveOptions {
  /** Says what would be done, and does nothing. */
  readonly dryRun?: boolean
  /** Queues in which messages wait are removed with them. Default: they are kept. */
  readonly withMessages?: boolean
}

/** What became of one thing that was to be removed. */
export interface Removal {
  readonly thing: string
  readonly isRemoved: boolean
  /** Why it was kept. */
  readonly reason: string | undefined
  /** How many messages went with it. */
  readonly messages: number
}

/** One step of a queue that is moved to other arguments, or of keys that are spread over another number of queues. */
export interface MigrationProgress {
  /** For people: `queue "orders.billing"`. */
  readonly thing: string
  readonly step: string
  /** Messages that are still to be taken before the next step. */
  readonly waiting: number
}

export interface MigrationParts {
  /** Called before each step, and again and again while one waits. What it throws ends the move there. */
  readonly told: (progress: MigrationProgress) => unknown
  readonly patienceMs: number
}

/**
 * What a person may ask about the topology at the broker, and have tidied. Each call has connections of its own, so it works before `connect`, beside a
 * running app and after `close`, and with an app that cannot start because of what it shows. Rejects with {@link BrokerRefused} where the broker does not let it look.
 */
export interface TopologyAccess {
  /** Everything that is not as stated, in one list. Changes nothing. */
  difference(of: TopologyOfHost): Promise<readonly TopologyDifference[]>
  /** What is left on the app's channels from listeners that are gone. Dead letters are never among it. Changes nothing. */
  unused(of: TopologyOfHost): Promise<readonly UnusedThing[]>
  /** Removes what is named and, looked at once more, still unused. */
  remove(of: TopologyOfHost, things: readonly string[], options: RemoveOptions): Promise<readonly Removal[]>
  /**
   * Moves queues whose arguments differ to the stated ones, spreads keys over the stated number of queues, and goes on with what was cut off. Nothing is lost, and messages of one key keep their order.
   * Resolves with what was moved; rejects with `MIGRATION_STALLED`, which says what it waits for, when nothing changes for `patienceMs`.
   */
  migrate(of: TopologyOfHost, parts: MigrationParts): Promise<readonly string[]>
}
