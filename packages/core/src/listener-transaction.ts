import { diagnostics, type DuplicateEvent } from './diagnostics.js'
import { StoredAnswer } from './stored-answer.js'
import { WaybillError } from './error.js'
import type { InboxVerdict } from './inbox-store.js'
import type { Job } from './job.js'
import type { ListenCall } from './middleware.js'
import type { OpenTransaction } from './open-transaction.js'
import type { PlannedListener } from './plan.js'
import type { Replier } from './replier.js'
import { Held, type Scope, scopes } from './scope.js'
import type { ResolvedTransaction, Transactions } from './transactions.js'

export interface ListenerTransactionOptions {
  readonly app: string
  readonly listener: PlannedListener
  readonly settings: ResolvedTransaction
  readonly transactions: Transactions
  readonly replier: Replier
}

/** A listener's work as the store sees it. */
export interface ListenerWork {
  /** What runs in the transaction. */
  readonly invoke: (call: ListenCall) => unknown
  /** What a method returned that it does not declare. */
  readonly undeclared: (value: unknown) => WaybillError | undefined
  /** The query that is to be answered. */
  readonly query: Job | undefined
}

/**
 * Runs a listener in one transaction with its inbox rows and with what it publishes. A message that was processed before does not reach
 * the listener: it is done, with the reply that was stored for it. Of a batch only those that are new reach it.
 */
export class ListenerTransaction {
  readonly #options: ListenerTransactionOptions

  constructor(options: ListenerTransactionOptions) {
    this.#options = options
  }

  run(call: ListenCall, work: ListenerWork): Promise<unknown> {
    const { transactions, settings, listener } = this.#options
    const scope = scopes.getStore() as Scope
    const outer = scope.held ?? new Held(transactions.home)
    const inbox = (call.items ?? [call.delivery]).map(({ id }) => ({ group: listener.group, id }))

    return transactions.perform<unknown>({
      owner: listener.label,
      settings,
      inbox,
      held: () => new Held(transactions.home),
      scopeOf: (held, transaction) => ({ owner: scope.owner, cause: scope.cause, held, contexts: scope.contexts, transaction }),
      run: async ({ verdicts }, transaction) => {
        if (outer.isOver) throw new WaybillError('TRANSACTION_ENDED', `The time of ${listener.label} was over before its transaction had begun.`)
        outer.onEnd = () => void transaction.rollback()
        try {
          return await this.#listen(call, work, verdicts, outer, transaction)
        } finally {
          outer.onEnd = undefined
        }
      },
    })
  }

  async #listen(call: ListenCall, work: ListenerWork, verdicts: readonly InboxVerdict[], outer: Held, transaction: OpenTransaction): Promise<{ value: unknown; commits: boolean }> {
    const left = this.#fresh(call, verdicts)
    if (!left) return { value: work.query && StoredAnswer.read(work.query, verdicts[0]), commits: false }

    const value = await work.invoke(left)
    const undeclared = work.undeclared(value)
    if (undeclared) throw undeclared
    const may = outer.mayCommit
    if (may && !(await may())) return { value, commits: false }
    if (!work.query) return { value, commits: true }

    const answer = StoredAnswer.of(work.query, this.#options.replier.prepare(work.query, value))
    transaction.replies.push({ group: this.#options.listener.group, id: work.query.id, reply: answer.bytes })

    return { value: answer, commits: true }
  }

  /** The call with what was not processed before; undefined where nothing is left of it. */
  #fresh(call: ListenCall, verdicts: readonly InboxVerdict[]): ListenCall | undefined {
    if (verdicts.every(({ kind }) => kind === 'first')) return call
    const items = call.items ?? [call.delivery]
    for (const [index, { id }] of items.entries()) {
      const kind = verdicts[index]?.kind
      if (kind === 'duplicate' || kind === 'stale') this.#tell(id, kind)
    }
    const isFresh = (_: unknown, index: number): boolean => verdicts[index]?.kind === 'first'
    const left = call.items?.filter(isFresh) ?? []
    const [delivery] = left
    if (!delivery || !Array.isArray(call.message)) return undefined

    return { ...call, message: call.message.filter(isFresh), items: left, heads: call.heads.filter(isFresh), delivery }
  }

  #tell(id: string, kind: DuplicateEvent['kind']): void {
    if (!diagnostics.duplicate.hasSubscribers) return
    const { app, listener } = this.#options
    diagnostics.duplicate.publish({ app, channel: listener.channel, group: listener.group, listener: listener.label, id, kind } satisfies DuplicateEvent)
  }
}
