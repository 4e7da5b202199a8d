import { PublishError, type PublishFailure } from './error.js'
import type { Link } from './link.js'
import type { Links } from './links.js'
import { outboxMessageOf } from './outbox-message.js'
import type { Runtime } from './runtime.js'
import type { Transactions } from './transactions.js'
import type { Outgoing } from './transport.js'

interface Leaving {
  readonly link: Link
  readonly outgoing: Outgoing
}

/** How long what waits in the outbox is believed to wait there still. */
const believedMs = 500

/**
 * For channels with `fallback: 'outbox'`: what their broker does not take is stored, and sent by the relay. While something waits there, what
 * is published later goes there too, so that it does not overtake.
 */
export class Fallback {
  readonly #links: Links
  readonly #transactions: Transactions
  readonly #runtime: Runtime
  readonly #diverted = new Map<string, number>()

  constructor(links: Links, transactions: Transactions, runtime: Runtime) {
    this.#links = links
    this.#transactions = transactions
    this.#runtime = runtime
  }

  covers({ link, outgoing: { to } }: Leaving): boolean {
    return to.kind === 'channel' && this.#links.of(to.channel) === link && this.#links.optionsOf(to.channel).fallback === 'outbox'
  }

  /** Sends by `send`, and stores what is not taken. Rejects with what is neither sent nor stored. */
  async publish<T extends Leaving>(leaving: readonly T[], signal: AbortSignal | undefined, send: (leaving: readonly T[]) => Promise<void>): Promise<void> {
    const waits = await this.#diverts(leaving)
    const kept = leaving.filter((one) => waits.has(one.link.name) && this.covers(one))
    if (kept.length > 0) await this.#keep(kept)
    const sent = leaving.filter((one) => !kept.includes(one))
    if (sent.length === 0) return
    try {
      await send(sent)
    } catch (error) {
      if (!(error instanceof PublishError) || signal?.aborted) throw error
      await this.#instead(leaving, sent, error)
    }
  }

  async #instead(all: readonly Leaving[], sent: readonly Leaving[], error: PublishError): Promise<void> {
    const left: PublishFailure[] = []
    const kept: Leaving[] = []
    for (const failure of error.failures) {
      const one = sent[failure.index] as Leaving
      if (failure.outcome.kind !== 'unroutable' && this.covers(one)) kept.push(one)
      else left.push({ ...failure, index: all.indexOf(one) })
    }
    if (kept.length > 0) {
      await this.#keep(kept)
      for (const { link } of kept) this.#diverted.set(link.name, this.#runtime.elapsed())
    }
    if (left.length > 0) throw new PublishError(left, all.length)
  }

  #keep(leaving: readonly Leaving[]): Promise<void> {
    const now = this.#runtime.now()

    return this.#transactions.append(leaving.map(({ link, outgoing }) => outboxMessageOf(outgoing, link.name, now)))
  }

  /** The transports of which something is in the outbox still. */
  async #diverts(leaving: readonly Leaving[]): Promise<ReadonlySet<string>> {
    const found = new Set<string>()
    for (const name of new Set(leaving.map(({ link }) => link.name))) {
      const since = this.#diverted.get(name)
      if (since === undefined) continue
      const isOld = this.#runtime.elapsed() - since > believedMs
      const [status] = isOld ? await this.#transactions.store.outbox.status([name]) : []
      if (status?.pending === 0) this.#diverted.delete(name)
      else found.add(name)
      if (isOld && status?.pending !== 0) this.#diverted.set(name, this.#runtime.elapsed())
    }

    return found
  }
}
