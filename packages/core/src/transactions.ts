import { messageOf } from './dead-letter.js'
import { WaybillError } from './error.js'
import type { InboxEntry } from './inbox-store.js'
import { outboxMessageOf } from './outbox-message.js'
import { OpenTransaction } from './open-transaction.js'
import { backOff } from './retry.js'
import type { Runtime } from './runtime.js'
import { type Cause, type Contexts, Held, type Scope, scopeIn, scopes } from './scope.js'
import type { Begun, Isolation, Store } from './store.js'
import type { Timer } from './timer-store.js'
import type { TimerHandler } from './plugin.js'
import { within } from './within.js'

/** What acts for a timer threw; `cause` says what. The timer is due still. */
export class TimerFailed extends WaybillError {
  readonly timer: Timer

  constructor(timer: Timer, cause: unknown) {
    super('TIMER_FAILED', `What acts for the timer "${timer.id}" of "${timer.target}" threw: ${messageOf(cause)}`, { cause })
    this.timer = timer
  }
}

/** How a method wants its transaction. */
export interface ResolvedTransaction {
  readonly propagation: 'required' | 'new' | 'never'
  readonly isolation: Isolation | undefined
  readonly readOnly: boolean
  readonly timeoutMs: number
  /** How often the work runs at most where other transactions are in its way. */
  readonly attempts: number
}

export const defaultTransaction: ResolvedTransaction = Object.freeze({ propagation: 'required', isolation: undefined, readOnly: false, timeoutMs: 60_000, attempts: 5 })

/** What runs in a transaction, and what is told of it. */
export interface TransactionWork<T> {
  readonly owner: string
  readonly settings: ResolvedTransaction
  readonly inbox: readonly InboxEntry[]
  readonly scopeOf: (held: Held, transaction: OpenTransaction) => Scope
  readonly held: () => Held
  /** Undefined rolls back, with this as what it returns. */
  run(begun: Begun, transaction: OpenTransaction): Promise<{ readonly value: T; readonly commits: boolean }>
}

/** Every transaction of an app: joined or opened, run again where others were in the way, committed together with what was published in it. */
export class Transactions {
  readonly store: Store
  readonly timerHandlers = new Map<string, TimerHandler>()
  /** The store may have several open at a time. Known when it is opened. */
  isConcurrent = true
  readonly #runtime: Runtime
  /** The app. */
  readonly home: object
  readonly #full = new Map<string, () => Error>()
  readonly #heard = new Set<(shards: readonly string[]) => void>()

  constructor(store: Store, runtime: Runtime, home: object) {
    this.store = store
    this.#runtime = runtime
    this.home = home
  }

  /** The one that the caller runs in. */
  get current(): OpenTransaction | undefined {
    return scopeIn(this.home)?.transaction
  }

  /** From now on what is published in a transaction for that transport is refused with this; undefined: not any more. */
  refuse(transport: string, why: (() => Error) | undefined): void {
    if (why) this.#full.set(transport, why)
    else this.#full.delete(transport)
  }

  /** The only session of the store belongs to the transaction around the caller: who waits for another one waits for ever. */
  get isOccupied(): boolean {
    const open = this.current

    return !this.isConcurrent && open !== undefined && !open.held.isOver
  }

  /** Calls back after each commit that left messages for the outbox or the timers. The returned function ends it. */
  onCommitted(heard: (shards: readonly string[]) => void): () => void {
    this.#heard.add(heard)

    return () => this.#heard.delete(heard)
  }

  /** Runs `work` in the transaction around it, or in one of its own. */
  async run<T>(owner: string, settings: ResolvedTransaction, work: () => Promise<T>): Promise<T> {
    const around = scopeIn(this.home)
    const open = around?.transaction
    if (open && settings.propagation === 'never')
      throw new WaybillError('IN_TRANSACTION', `${owner} is never to run in a transaction, and ${open.owner} called it in one. Call it outside, or leave out propagation: 'never'.`)
    if (settings.propagation === 'never') return work()
    if (open && settings.propagation === 'required') return join(owner, settings, open, work)
    if (open && this.isOccupied) throw occupied(owner, open.owner)

    const cause = around?.cause && nested(around.cause, owner, around.held)
    const scopeOf = (held: Held, transaction: OpenTransaction): Scope => ({ owner, cause, held, contexts: around?.contexts ?? none, transaction })
    const late = (): WaybillError =>
      new WaybillError(
        'TRANSACTION_TIMEOUT',
        `${owner} did not finish within ${settings.timeoutMs} ms, so its transaction was rolled back. Make it faster, or give it a longer "timeout".`,
      )

    return this.perform({
      owner,
      settings,
      inbox: [],
      held: () => new Held(this.home),
      scopeOf,
      run: async () => ({ value: await within(work(), settings.timeoutMs, this.#runtime, late), commits: true }),
    })
  }

  /** Opens a transaction for the work, and another one where the first was in conflict. */
  async perform<T>(work: TransactionWork<T>): Promise<T> {
    for (let attempt = 1; ; attempt++) {
      try {
        return await this.#attempt(work)
      } catch (error) {
        if (attempt >= work.settings.attempts || !this.store.isConflict(error)) throw error
        await new Promise<void>((resolve) => this.#runtime.after(backOff(attempt, this.#runtime, 5, 500), resolve))
      }
    }
  }

  /** Takes part in a transaction that somebody else opened and ends. */
  async within<T>(owner: string, foreign: unknown, work: () => Promise<T>): Promise<T> {
    const around = scopeIn(this.home)
    const held = new Held(this.home)
    held.refusal = (transport) => this.#full.get(transport)?.()
    const transaction = new OpenTransaction(owner, this.store.join(foreign), held, {})
    const cause = around?.cause && nested(around.cause, owner, around.held)
    try {
      const value = await scopes.run({ owner, cause, held, contexts: around?.contexts ?? none, transaction }, work)
      this.#committed(await transaction.commit(this.#runtime))

      return value
    } catch (error) {
      await transaction.rollback()
      throw error
    }
  }

  /** Undefined: nothing is due. What a handler throws leaves its timer where it is; the error carries its id as `timer`. */
  async fireNext(): Promise<Timer | undefined> {
    let taken: Timer | undefined
    await this.perform<void>({
      owner: 'A timer',
      settings: defaultTransaction,
      inbox: [],
      held: () => new Held(this.home),
      scopeOf: (held, transaction) => ({ owner: 'A timer', cause: undefined, held, contexts: none, transaction }),
      run: async (_begun, transaction) => {
        ;[taken] = await transaction.use(({ timers }) => timers.takeDue([...this.timerHandlers.keys()], 1))
        if (!taken) return { value: undefined, commits: false }
        await this.#fire(taken, transaction)

        return { value: undefined, commits: true }
      },
    }).catch((error: unknown) => {
      throw taken ? new TimerFailed(taken, error) : error
    })

    return taken
  }

  async #fire(timer: Timer, transaction: OpenTransaction): Promise<void> {
    const owner = `The timer "${timer.id}" of "${timer.target}"`
    const cause: Cause = { ...uncaused, id: timer.id, seed: timer.id, time: timer.dueAt, group: timer.target, serviceName: timer.target }
    await scopes.run({ owner, cause, held: transaction.held, contexts: none, transaction }, async () => this.timerHandlers.get(timer.target)?.(timer, transaction))
  }

  /** Stores messages outside a transaction of the user's; those with a delay are timers, as they are in one. */
  async keep(leaving: Held['outgoing']): Promise<void> {
    if (leaving.some(({ message }) => message.delayMs !== undefined)) return this.#keepTogether(leaving)
    const now = this.#runtime.now()
    await this.store.outbox.append(leaving.map(({ message, transport }) => outboxMessageOf(message, transport, now)))
    this.#committed([...new Set(leaving.map(({ transport }) => transport))])
  }

  #keepTogether(leaving: Held['outgoing']): Promise<void> {
    const owner = 'A publish that falls back on the outbox'
    const held = (): Held => {
      const all = new Held(this.home)
      all.outgoing.push(...leaving)

      return all
    }

    return this.perform<void>({
      owner,
      settings: defaultTransaction,
      inbox: [],
      held,
      scopeOf: (all, transaction) => ({ owner, cause: undefined, held: all, contexts: none, transaction }),
      run: async () => ({ value: undefined, commits: true }),
    })
  }

  /** Tells those who send what is in the store. */
  #committed(shards: readonly string[]): void {
    if (shards.length > 0) for (const heard of this.#heard) heard(shards)
  }

  async #attempt<T>({ owner, settings, inbox, scopeOf, held: heldOf, run }: TransactionWork<T>): Promise<T> {
    const { isolation, readOnly, timeoutMs } = settings
    const begun = await this.store.begin({ owner, isolation, readOnly, timeoutMs: timeoutMs + storeGraceMs, inbox })
    const held = heldOf()
    held.refusal = (transport) => this.#full.get(transport)?.()
    const transaction = new OpenTransaction(owner, begun.transaction, held, settings)
    try {
      const { value, commits } = await scopes.run(scopeOf(held, transaction), run, begun, transaction)
      if (commits) this.#committed(await transaction.commit(this.#runtime))
      else await transaction.rollback()

      return value
    } catch (error) {
      await transaction.rollback()
      throw error
    }
  }
}

function occupied(owner: string, around: string): WaybillError {
  return new WaybillError(
    'SINGLE_SESSION',
    `${owner} wants a transaction of its own, and ${around} called it in one, on a store that has one session: it would wait for ever. Call it before or afterwards, leave out propagation: 'new', or use a server with several connections.`,
  )
}

function join<T>(owner: string, { isolation, readOnly }: ResolvedTransaction, open: OpenTransaction, work: () => Promise<T>): Promise<T> {
  if (isolation !== undefined && isolation !== open.isolation)
    throw new WaybillError(
      'ISOLATION',
      `${owner} wants the isolation "${isolation}", and ${open.owner} called it in a transaction with ${open.isolation ? `"${open.isolation}"` : "the store's default"}. Ask for it where the transaction begins, or for propagation: 'new'.`,
    )
  if (!readOnly && open.readOnly)
    throw new WaybillError('READ_ONLY', `${owner} may write, and ${open.owner} called it in a read-only transaction. Leave out readOnly there, or give ${owner} readOnly: true.`)

  return open.joined(work)
}

/** What one transaction in another sends has ids of its own: they follow from its place among what the outer one does. */
function nested(cause: Cause, owner: string, held: Held | undefined): Cause {
  return { ...cause, seed: `${cause.seed}\n${owner}\n${held ? held.place(owner) : 0}` }
}

const uncaused = { correlationId: undefined, traceparent: undefined, tracestate: undefined, baggage: undefined }

/** How much later than core the store itself ends a transaction: it is there for a process that hangs. */
const storeGraceMs = 1_000

const none: Contexts = new Map()
