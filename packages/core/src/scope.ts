import { AsyncLocalStorage } from 'node:async_hooks'
import type { LogFields } from './logger.js'
import type { OpenTransaction } from './open-transaction.js'
import { refusal } from './refusal.js'
import type { Outgoing } from './transport.js'

/** What the code that runs now belongs to: the delivery that caused it, what it holds back, and its context. */
export interface Scope {
  /** For errors: `Stock.reserve`. */
  readonly owner: string
  readonly cause: Cause | undefined
  /** Messages that leave when this succeeds; undefined where nothing is held. */
  readonly held: Held | undefined
  /** The transaction that this runs in. */
  readonly transaction?: OpenTransaction | undefined
  readonly contexts: Contexts
}

/** By the name of the context. */
export type Contexts = ReadonlyMap<string, ContextValue>

export interface ContextValue {
  /** As it travels. */
  readonly text: string
  /** What a schema made of it, and for which context; missing where it came with a message. */
  readonly given?: { readonly to: object; readonly output: unknown }
  /** Told where it came with a message and does not fit the schema of who asks for it. */
  readonly onUnfit?: (name: string, error: unknown) => void
}

/** The message that is being processed. */
export interface Cause {
  /** Undefined for several at once, of which none alone is the cause. */
  readonly id: string | undefined
  /** What the ids of messages that it causes follow from. */
  readonly seed: string
  readonly time: number
  readonly correlationId: string | undefined
  readonly group: string
  readonly serviceName: string
  readonly traceparent: string | undefined
  readonly tracestate: string | undefined
  readonly baggage: string | undefined
  /** What of its payload may be logged. */
  readonly logged?: LogFields | undefined
}

/** Messages held back until the work around them has succeeded. */
export class Held {
  /** The app that sends them: what another one of the process publishes meanwhile is not among them. */
  readonly home: object
  readonly outgoing: { readonly transport: string; readonly message: Outgoing }[] = []
  isOver = false
  /** Publishes that were begun in it and are not held yet: they wait for a middleware, or for their channel. */
  pending = 0
  /** Publishes in it that nobody has awaited or looked at. */
  unseen = 0
  /** Asked before a transaction around it commits: false rolls back, and so does what it throws. */
  mayCommit: (() => boolean | Promise<boolean>) | undefined
  /** Why nothing more is held for that transport: too much of it waits already. */
  refusal: ((transport: string) => Error | undefined) | undefined
  /** Told when it ends before its work has: nobody waits for that any more. */
  onEnd: (() => void) | undefined
  #places: Map<string, number> | undefined
  #overlooked: Set<Error> | undefined

  constructor(home: object) {
    this.home = home
  }

  /** The place of the next of that kind among its like. A run again gives them the same ids, also where kinds come in another order. */
  place(kind: string): number {
    this.#places ??= new Map()
    const place = this.#places.get(kind) ?? 0
    this.#places.set(kind, place + 1)

    return place
  }

  /** Counts what will be held when `publish` is done. */
  async holding(publish: () => Promise<void>): Promise<void> {
    this.pending++
    try {
      return await publish()
    } finally {
      this.pending--
    }
  }

  /** Who ends now has not awaited all that it published. */
  get isForgetful(): boolean {
    return this.pending > 0 || this.unseen > 0
  }

  /** Rejects a publish in it, and remembers that until somebody looks. */
  refused(error: Error): Promise<never> {
    const overlooked = (this.#overlooked ??= new Set()).add(error)

    return refusal(error, () => overlooked.delete(error))
  }

  /** Why a publish in it was refused that nobody has looked at. */
  get overlooked(): Error | undefined {
    return this.#overlooked?.values().next().value
  }

  end(): void {
    this.isOver = true
    this.onEnd?.()
  }
}

export const scopes = new AsyncLocalStorage<Scope | undefined>()

/** The scope of the caller, as an app sees it: what another app holds back, and its transaction, are not its own. */
export function scopeIn(home: object): Scope | undefined {
  const scope = scopes.getStore()
  if (!scope?.held || scope.held.home === home) return scope
  const { owner, cause, contexts } = scope

  return { owner, cause, held: undefined, contexts }
}
