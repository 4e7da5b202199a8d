import type { ConsumerHealth } from './consumer-health.js'
import type { Capabilities } from './capabilities.js'
import type { Envelope, HeaderValue, RawEnvelope } from './envelope.js'
import type { Fault } from './fault.js'
import type { Logger } from './logger.js'
import type { Runtime } from './runtime.js'
import type { ChannelOptions } from './channel-options.js'
import type { TopologyAccess } from './topology-access.js'

/**
 * One broker's driver, as core sees it. An adapter is naive on purpose: it connects, declares, publishes, delivers and
 * settles. Concurrency, lanes, retries, dead-lettering, limits, deadlines and lifecycle live once, in core.
 *
 * No method but `connect`, `declare`, `subscribe`, `depth` and those of `dead` and `topology` may reject, and none throws; what happens later is told by outcomes and states.
 * What rejects does so with a `WaybillError`: with {@link BrokerRefused} where asking again cannot help, with {@link ConfigError} where an option is to blame.
 * Nothing that a broker, a connection or core's callbacks do may reach the process as an unhandled error: call back within a `try`, and log.
 *
 * One transport serves one app, once: `connect`, `declare`, `subscribe` for each group, then publishing and delivering until `close`.
 * Time, timers, chance and ids come from `host.runtime` alone; where nothing outside the process is involved, the same seed gives the same history.
 */
export interface Transport {
  /** The product: `rabbitmq`, `kafka`, `memory`. Stands in errors, logs and metrics. */
  readonly name: string

  /** What is wrong with the options it was made with. A transport's factory never throws; `start` reports these with all other faults. */
  readonly faults: readonly Fault[]

  /**
   * What the app states about these channels and this transport cannot honour: a fault `UNSUPPORTED_OPTION` for each, made by {@link unsupportedOption},
   * that names the option and the channel. Called before `connect`, with options whose shape core has checked, so that `start` tells these together with
   * all other faults and without a broker. Never throws. What only the broker can tell (a queue of another shape, a version that lacks something) is for
   * `connect`, by its capabilities, and for `declare`.
   */
  check(channels: readonly ChannelTopology[]): readonly Fault[]

  /**
   * Resolves when the broker can be used, with what this broker, at this version, can do.
   * While the broker is away it keeps trying (100 ms … 30 s, full jitter, for ever), telling each try by `onState`.
   * Rejects with {@link BrokerRefused} where trying again cannot help (a wrong password, a missing vhost), and when `close` is called meanwhile
   * (with a `WaybillError` of any code: core says that the app was stopped).
   * Afterwards a lost connection is restored by the adapter, with everything declared and every consumer attached again.
   */
  connect(host: TransportHost): Promise<Capabilities>

  /**
   * Makes what is missing; safe when several processes do it at once. Rejects with {@link BrokerRefused}, expected and found, where the broker has something
   * of another shape, and with {@link ConfigError} and the faults of `check` for a channel that is declared later than at `start`. While the connection is lost it waits; `close` ends the waiting.
   * What it was told it keeps: after a reconnect it is declared again, and `partitions` and `existing` decide later where a message goes.
   * Called again, also after `subscribe`, it adds: a channel that is published on for the first time, the address for replies. What was declared before stays.
   */
  declare(topology: Topology): Promise<void>

  /**
   * Sends a batch. `settled` is called exactly once for each index, in any order, maybe before `publish` returns, and also when the connection dies or closes.
   * `confirmed`: the broker has it safely. `unroutable`: nobody would get it, and it was `mandatory`. `rejected`: it is certain that the broker does not have it.
   * `unknown`: it may have it. Messages with one key keep the order in which they were given. The adapter never sends a message twice.
   * Core gives a batch only while `writable`, and times deadlines itself. What comes all the same (the connection was lost in this very turn) settles
   * `rejected` where nothing was sent (after `close`, always), and waits or settles `unknown` where it may have been: a loss that nobody has noticed yet looks `writable`. The items of a batch do not wait for each other.
   * The batch, its items and their bytes are the adapter's from here on: nobody writes into them again, so they need not be copied.
   * An empty batch does nothing, and `settled` is not called.
   */
  publish(batch: readonly Outgoing[], settled: Settled): void

  /** False while not connected, blocked, or while what was given is more than the adapter wants to hold. */
  readonly writable: boolean

  /** Core's one callback for the moment at which `writable` becomes true, also for the first time. Set before `connect`. */
  onWritable(go: () => void): void

  /**
   * Core's one callback for the state of each connection, also before `connect` resolves. Set before `connect`.
   * `connected` is told when everything is declared and attached again, not when the socket is open; a consumer that cannot be attached says so in its health.
   */
  onState(listener: (state: ConnectionState) => void): void

  /**
   * Begins to deliver; resolves when the broker has accepted the consumer. At most `window` deliveries are unsettled at a time.
   * After a lost connection the adapter attaches again by itself, even while core still holds deliveries of the old one.
   * All queues of a group, with keys and without, share the window (an adapter may split it), and none starves another. `declare` came before, on this transport. While the connection is lost it waits, as `declare` does.
   */
  subscribe(subscription: Subscription, deliver: Deliver): Promise<Consumer>

  readonly dead: DeadLetterAccess

  /** Undefined where starts cannot be counted; then no message is held to kill the process. */
  readonly starts: Starts | undefined

  /**
   * How much waits for a group that was declared here, over all its queues or partitions and whoever takes from them. A look at the broker, not at a
   * message: cheap enough for every 15 s. Rejects with {@link BrokerRefused} where the broker lacks the group, or one of its queues or topics. It never
   * waits for a connection: while that is lost it rejects at once with a `WaybillError` that says so, and who wants to know asks again.
   */
  depth(of: GroupAddress): Promise<Depth>

  /** Undefined: nobody can look at this broker's topology, and `app.topology` says so where it is asked. */
  readonly topology?: TopologyAccess | undefined

  /**
   * Ends everything within the deadline: what is under way settles (as `unknown` if need be), the rest returns to the broker.
   * Idempotent; also ends a `connect` that is under way, which then rejects. A transport that was closed is not connected again: what is called on it
   * rejects with a `WaybillError` that says so, what is published settles `rejected`, and neither reaches for the broker.
   */
  close(deadlineMs: number): Promise<void>
}

/** What core hands to a transport. */
export interface TransportHost {
  /** The app's name, for connection names and reply addresses. */
  readonly app: string
  /** Of this run of the app, unique. */
  readonly instance: string
  /** Prefixes every physical name: `<namespace>.orders`. */
  readonly namespace: string | undefined
  readonly runtime: Runtime
  readonly log: Logger
}

// ── publishing ──────────────────────────────────────────────────────────────────────────────────

export type Destination =
  /** Every group that takes `envelope.type` on that channel. */
  | { readonly kind: 'channel'; readonly channel: string }
  /** That group alone: a retry, a redrive. It goes where the group's messages of that key go; core sends it `mandatory` where the broker can tell. */
  | { readonly kind: 'group'; readonly channel: string; readonly group: string }
  /**
   * That group's dead letters. They have no expiry and no limit of their own. Headers that the broker cannot carry are left out, the long and the
   * nested ones, rather than the letter `rejected`: body, envelope and the reason of death arrive. Core tries a letter again until it is confirmed.
   */
  | { readonly kind: 'dead'; readonly channel: string; readonly group: string }
  /** One that asked. The address is the `replyTo` of the query as it was delivered: a broker may have written it anew, so a consumer's own `address` is none. It comes from anybody: what is no address of replies is `rejected`, one that is gone is `unroutable` where the broker can tell, whatever `mandatory` says. */
  | { readonly kind: 'reply'; readonly address: string }

export interface Outgoing {
  readonly to: Destination
  readonly envelope: Envelope
  /** The user's and Waybill's own, scalars. A dead letter carries those that it came with, nested ones too where the broker can. */
  readonly headers: Readonly<Record<string, unknown>>
  readonly body: Uint8Array
  readonly contentType: string | undefined
  readonly contentEncoding: string | undefined
  /** True: nobody there is `unroutable`. */
  readonly mandatory: boolean
  /** Nobody gets it before. Where it goes may be decided now or then. */
  readonly delayMs: number | undefined
  /** After so long it is delivered to nobody; where the broker can, it goes to the dead letters of the group that did not take it. */
  readonly expiresMs: number | undefined
  /** The higher, the earlier; 0 is the least and the default. Among equals the order stays. */
  readonly priority: number | undefined
  /** A query's: the `address` of the consumer of replies. */
  readonly replyTo: string | undefined
}

export type PublishOutcome =
  | { readonly kind: 'confirmed' }
  | { readonly kind: 'unroutable'; readonly reason: string }
  | { readonly kind: 'rejected'; readonly reason: string }
  /** `isSilence`: nothing at all came back by the deadline, so it says nothing about this message. */
  | { readonly kind: 'unknown'; readonly reason: string; readonly isSilence?: true }

export type Settled = (index: number, outcome: PublishOutcome) => void

/** The one outcome that needs no words, made once. */
export const confirmed: PublishOutcome = Object.freeze({ kind: 'confirmed' })

// ── delivering ──────────────────────────────────────────────────────────────────────────────────

export interface GroupSubscription {
  readonly kind: 'group'
  readonly channel: string
  readonly group: string
  /** At most so many unsettled deliveries; at least 1. */
  readonly window: number
}

/**
 * Replies to what this app asked; its consumer has the `address` to give as `replyTo`. There is no window, and the adapter may count a reply as
 * acknowledged once it is given: core settles it at once, whatever it holds. The queue of an app that is gone goes too.
 */
export interface ReplySubscription {
  readonly kind: 'replies'
}

export type Subscription = GroupSubscription | ReplySubscription

/**
 * Synchronous, never throws. Each delivery is settled later or within the call, once; core may settle in any order. Never called within
 * `subscribe`, `settle`, `resume` or `publish`, nor for a consumer whose `stop` was called: gather what comes, hand it over at the end of the turn.
 */
export type Deliver = (deliveries: readonly RawDelivery[]) => void

/** One message as it came, bytes untouched. It keeps its own channel: settled after a reconnect it does nothing, and that is counted. */
export interface RawDelivery {
  readonly envelope: RawEnvelope
  /** Everything that came, as it came, in a `headerBlock`. Values may be nested, huge or hostile: core checks them. */
  readonly headers: Readonly<Record<string, unknown>>
  readonly body: Uint8Array
  /** Takes the payload out of what the body says, where somebody else's envelope stands around it; undefined where the body is the payload. May throw. */
  readonly unwrap?: ((body: unknown) => unknown) | undefined
  readonly contentType: string | undefined
  readonly contentEncoding: string | undefined
  readonly replyTo: string | undefined
  /** It may have been delivered before. */
  readonly redelivered: boolean
  /** How often the broker delivered it before this time, where it counts; 0 for the first. What raises it is the broker's rule; in each that counts, a delivery does that came back from a lost connection. */
  readonly deliveryCount: number | undefined
  readonly origin: Origin
  /**
   * It was sent to this group alone (a destination of kind `group`), not over its channel. Core believes the tries that such a message counts:
   * who may publish on a channel may not always write to a group, and a message that came over the channel counts nothing. The adapter tells by the place
   * it came from (RabbitMQ and memory by the default exchange or the ladder of delays, Kafka by the topic of retries), never by a header: anybody writes those.
   */
  readonly toGroup: boolean
  /** Its channel or assignment is gone, so settling does nothing and the broker delivers it again: core drops what it has not begun. */
  readonly isStale: boolean
  /**
   * `ack`: done, forget it. `return`: deliver it again, to anybody of the group, where it stood if the broker can. The first call counts,
   * later ones do nothing; the adapter gathers those of a turn. On a listed dead letter it does nothing.
   */
  settle(settlement: Settlement): void
}

export type Settlement = 'ack' | 'return'

/** Where exactly a delivery was found. */
export interface Origin {
  /** The queue or topic it was taken from. */
  readonly address: string
  readonly exchange?: string
  readonly routingKey?: string
  readonly partition?: number
  readonly offset?: string
  /** When the broker stored it, ms since the epoch. */
  readonly storedAt?: number
}

export interface Consumer {
  /** Of a consumer of replies: what to give as `replyTo`. */
  readonly address: string | undefined
  /**
   * From now on at most so many unsettled: core makes room for others when messages wait behind their key, up to four times the window it subscribed
   * with, and takes it back. What was given stays. Where a broker cannot change what it sends to a running consumer, the adapter fetches
   * more of the messages with a key from the beginning and hands over only the window. A new connection keeps the last window. Core asks for no
   * less than what it subscribed with; 0 gives nothing new until it is asked for more.
   */
  resize(window: number): void
  /** Asks for no more; deliveries already given stay valid. */
  pause(): void
  resume(): void
  /**
   * Stops delivering at once and returns the unsettled ones to the broker, in order. Where the connection is known to be lost there is nobody to wait for: it resolves at once, or within some seconds. Acks that were gathered leave first; what is settled later is late. Idempotent.
   * May wait for the broker without a limit: when the app stops, core waits for it no longer than half of what is left of `shutdown`, at least a second,
   * and then calls `close`, which ends it.
   */
  stop(): Promise<void>
  health(): ConsumerHealth
}

/** What waits at the broker for one group. What the broker cannot tell is undefined. */
export interface Depth {
  /** Messages that nobody was given yet; on a log, those behind the group's committed mark. */
  readonly waiting: number
  /** Its dead letters. */
  readonly dead: number | undefined
  /** How many consumers take from it, in all processes; of several queues the one with the fewest. */
  readonly consumers: number | undefined
}

/**
 * How one connection is. It begins `connecting` (or `closed`, where it is closed first), then:
 *
 * - `connecting` → `connected`, or `lost` where the try failed; told before each try that the adapter can tell from the next.
 * - `connected` → `blocked`, `lost`.
 * - `blocked`: the broker stands and takes no messages for now (memory, disk), so nothing is `writable`; deliveries and settlements go on. It ends
 *   with `connected`, told before `onWritable`'s callback, or `lost`.
 * - `lost` → `connecting`, `connected`, or `lost` once more with another reason.
 * - Each → `closed`, told once. It is the last, unless the connection is a consumer's own: then the group's next consumer begins `connecting` anew.
 */
export interface ConnectionState {
  /** `publishing`, `consuming` …: what the connection is for. */
  readonly purpose: string
  readonly kind: 'connecting' | 'connected' | 'blocked' | 'lost' | 'closed'
  /** Why; while it connects again, why the last try failed. No secrets. */
  readonly reason: string | undefined
  /** Where it is lost: how long until the next try. */
  readonly nextTryMs?: number
}

// ── dead letters ────────────────────────────────────────────────────────────────────────────────

export interface GroupAddress {
  readonly channel: string
  readonly group: string
}

export interface DeadLetterAccess {
  /**
   * The oldest `limit` dead letters of a group, left where they are, whichever app the group belongs to. Order and counters stay where the broker lets them.
   * Rejects with {@link BrokerRefused} where the broker knows no such group. While the connection is lost it waits, or rejects with another error.
   */
  list(of: GroupAddress, limit: number): Promise<readonly RawDelivery[]>

  /**
   * Shows the oldest `limit` dead letters to `decide`, one after another, until it answers `stop`. Those it `remove`s are gone when
   * `take` resolves, the others stay. Resolves with the number removed. What `decide` had to do first (publish a redrive) it has done when it resolves.
   * One letter is shown at a time, and none to two that take at once, in whichever processes: the second waits. Core keeps each take short. When
   * `decide` rejects, so does `take`: that letter and those behind it stay. When the connection is lost meanwhile the letter stays too: it may be
   * redriven twice, and never be lost.
   */
  take(of: GroupAddress, limit: number, decide: (letter: RawDelivery) => Promise<'remove' | 'keep' | 'stop'>): Promise<number>
}

// ── starts ──────────────────────────────────────────────────────────────────────────────────────

/**
 * Counts, per message of a group, how often it was begun and never ended, where that outlives the process: at the broker. Asked only about a message
 * that came for the third time, and about one such message of a group at a time in a process, so it may cost round trips. It goes by the id of the
 * message, or its place in a log, and not by the delivery's channel: it counts all the same when that is gone. Rather than too much it
 * counts too little: what has no id, what several processes begin at once, what cannot be written for 5 s is begun for the first time.
 */
export interface Starts {
  /** Counts that it begins now. Resolves, once that is kept, with how often it was begun before and never ended. Never rejects. */
  begin(of: GroupAddress, delivery: RawDelivery): Promise<number>

  /**
   * It ended, or was given back unharmed: from now on it counts as begun `left` times; 0 forgets it. Resolves once that is kept, for which it may wait
   * for a connection; `close` ends the waiting. Never rejects.
   */
  ended(of: GroupAddress, delivery: RawDelivery, left: number): Promise<void>
}

// ── topology ────────────────────────────────────────────────────────────────────────────────────

/** What an app needs of one transport. Physical names are the adapter's, by the rules of its `topology.ts`. */
export interface Topology {
  readonly channels: readonly ChannelTopology[]
  /** The app asks, so it needs an address for replies. */
  readonly asks: boolean
}

export interface ChannelTopology {
  readonly name: string
  /** Published on it or listened to by this app. */
  readonly messages: readonly { readonly name: string; readonly keyed: boolean }[]
  readonly groups: readonly GroupTopology[]
  readonly options: ChannelOptions
}

export interface GroupTopology {
  readonly name: string
  /**
   * The types it takes; `all` where a raw listener takes whatever passes. Where a broker routes by keys, each type is bound in both forms, without a key
   * (`order.placed`) and with one (`order.placed.keyed.<slot>`), whatever `keyed` says: a message that gets a key later strands nobody.
   */
  readonly types: readonly string[] | 'all'
  /** Some of its types have a key, so their order is kept. */
  readonly keyed: boolean
  /** Over how many single-file queues its keys are spread: one of the key goes to number `slotOf(key) % partitions`, in every process and version. A log spreads them over its own partitions. */
  readonly partitions: number
}

/** A header value that core wrote. */
export type { HeaderValue }
