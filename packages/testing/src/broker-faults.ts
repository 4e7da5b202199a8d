import { type Duration, type Named, WaybillError } from '@waybill/core'
import { messageNameOf } from './message-name.js'
import { millisecondsOf } from './milliseconds.js'

/**
 * Where an app can end between two steps. Of a publish: before the broker has the message, or after, and the app never hears of it.
 * Of a listener: before it begins, or after it has ended and nothing that it held has left. Of a settlement: before the broker hears of it, or after.
 */
export type CrashPoint = 'before publish' | 'after publish' | 'before listener' | 'after listener' | 'before settle' | 'after settle'

export interface FaultOptions {
  /** Only messages of this class. Default: any message. */
  readonly of?: Named
  /** How often. Default: once. */
  readonly times?: number
}

export interface CrashOptions {
  /** Default: at once. */
  readonly at?: CrashPoint
  /** Only where a message of this class passes that point. Default: any message. */
  readonly of?: Named
  /** How long it is away. Default: not at all. */
  readonly downFor?: Duration
}

/** How late the broker's side of the connection is. */
export interface Lag {
  readonly delayMs: number
  readonly jitterMs: number
}

/** What a fault does at once. */
export interface FaultActions {
  disconnect(): void
  crash(downForMs: number): void
}

type FaultKind = CrashPoint | 'drop' | 'duplicate'

interface PlannedFault {
  readonly kind: FaultKind
  readonly messageName: string | undefined
  readonly downForMs: number
  left: number
}

/** What a test does to the connection between the services and their broker: only what a real one does too. */
export class BrokerFaults {
  readonly #actions: FaultActions
  #planned: PlannedFault[] = []
  #lag: Lag = none

  /** @internal Found at a harness. */
  constructor(actions: FaultActions) {
    this.#actions = actions
  }

  /** @internal */
  get lag(): Lag {
    return this.#lag
  }

  /** The broker stores a message, and its confirm is lost: the publish ends as `unknown`, by its deadline or with the connection. */
  drop(options: FaultOptions = {}): void {
    this.#plan('drop', options)
  }

  /** An acknowledgement is lost: the broker delivers the message again, marked as redelivered. */
  duplicate(options: FaultOptions = {}): void {
    this.#plan('duplicate', options)
  }

  /** Everything the broker says arrives so much later, in order, until {@link BrokerFaults.heal}. */
  delay(time: Duration): void {
    this.#lag = { delayMs: millisecondsOf(time), jitterMs: 0 }
  }

  /** Everything the broker says arrives up to so much later, each by itself; messages of one key keep their order. Until {@link BrokerFaults.heal}. */
  reorder(within: Duration): void {
    this.#lag = { delayMs: 0, jitterMs: millisecondsOf(within) }
  }

  /** Cuts the connection: unsettled deliveries return to the broker, open publishes end as `unknown`, and the app connects again by itself. */
  disconnect(): void {
    this.#actions.disconnect()
  }

  /**
   * Ends the app as `kill -9` does: its connection is cut, its memory is gone, nothing is finished. A new app of the same services starts after `downFor`.
   * JavaScript cannot be killed: what a listener of the old app does between two of its own awaits goes on, but it receives, publishes and settles no more.
   */
  crash({ at, of, downFor = '0ms' }: CrashOptions = {}): void {
    const downForMs = millisecondsOf(downFor)
    if (at === undefined) return this.#actions.crash(downForMs)
    if (!points.includes(at)) refuse(`faults.crash takes "at" as one of ${points.map((point) => `"${point}"`).join(', ')}; found ${JSON.stringify(at)}`)
    this.#planned.push({ kind: at, messageName: nameOf(of, 'crash'), downForMs, left: 1 })
  }

  /** No more faults, also none that were planned. What is late still arrives when it is due. */
  heal(): void {
    this.#planned = []
    this.#lag = none
  }

  /** @internal Whether a message meets a fault here; it counts as met. */
  meets(kind: 'drop' | 'duplicate', messageName: string): boolean {
    return this.#take(kind, messageName) !== undefined
  }

  /** @internal The crash that is planned for this point; undefined where there is none. */
  crashAt(point: CrashPoint, messageName: string): (() => void) | undefined {
    const planned = this.#take(point, messageName)

    return planned && (() => this.#actions.crash(planned.downForMs))
  }

  #plan(kind: 'drop' | 'duplicate', { of, times = 1 }: FaultOptions): void {
    if (!Number.isSafeInteger(times) || times < 1) refuse(`faults.${kind} takes "times" as a whole number above zero; found ${JSON.stringify(times)}`)
    this.#planned.push({ kind, messageName: nameOf(of, kind), downForMs: 0, left: times })
  }

  #take(kind: FaultKind, messageName: string): PlannedFault | undefined {
    if (this.#planned.length === 0) return undefined
    const found = this.#planned.find((one) => one.kind === kind && (one.messageName ?? messageName) === messageName)
    if (found && --found.left <= 0) this.#planned = this.#planned.filter((one) => one !== found)

    return found
  }
}

const points: readonly CrashPoint[] = ['before publish', 'after publish', 'before listener', 'after listener', 'before settle', 'after settle']

const none: Lag = { delayMs: 0, jitterMs: 0 }

function nameOf(type: Named | undefined, fault: string): string | undefined {
  return type === undefined ? undefined : messageNameOf(type, `faults.${fault}({ of })`)
}

/** A fault that never comes, or comes for everything, would prove nothing. */
function refuse(sentence: string): never {
  throw new WaybillError('FAULT_OPTION', `${sentence}.`)
}
