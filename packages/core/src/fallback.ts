import { PublishError, type PublishFailure } from './error.js'
import type { Link } from './link.js'
import type { Links } from './links.js'
import type { Runtime } from './runtime.js'
import type { Transactions } from './transactions.js'
import type { Outgoing } from './transport.js'

interface Leaving {
  readonly link: Link
  readonly outgoing: Outgoing
}

/** How long what waits in the outbox is believed to wait there still. */
const believedMs = 500

/** What waits in the outbox of one transport, as far as this process knows. */
interface Waiting {
  readonly since: number
  /** Undefined: all that is published is to wait behind it. */
  readonly keys: ReadonlySet<string> | undefined
}

const nothing: Waiting = { since: Number.POSITIVE_INFINITY, keys: new Set() }

/**
 * For channels with `fallback: 'outbox'`: what their broker does not take is stored, and sent by the relay. While something waits there, what
 * is published later goes there too, so that it does not overtake. What a process before this one has left there counts too; behind what is parked only its key waits.
 */
export class Fallback {
  readonly #links: Links
  readonly #transactions: Transactions
  readonly #runtime: Runtime
  readonly #waiting = new Map<string, Waiting>()

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
    const covered = leaving.filter((one) => this.covers(one))
    await Promise.all([...new Set(covered.map(({ link }) => link.name))].map((name) => this.#look(name)))
    const kept = covered.filter((one) => this.#waits(one))
    if (kept.length > 0) await this.#keep(kept)
    const sent = leaving.filter((one) => !kept.includes(one))
    if (sent.length === 0) return
    try {
      await send(sent)
    } catch (error) {
      if (!(error instanceof PublishError) || signal?.aborted || this.#transactions.isOccupied) throw error
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
    for (const { link } of kept) this.#waiting.set(link.name, { since: this.#runtime.elapsed(), keys: undefined })
    if (kept.length > 0) await this.#keep(kept)
    if (left.length > 0) throw new PublishError(left, all.length)
  }

  #keep(leaving: readonly Leaving[]): Promise<void> {
    return this.#transactions.keep(leaving.map(({ link, outgoing }) => ({ transport: link.name, message: outgoing })))
  }

  #waits({ link, outgoing: { envelope } }: Leaving): boolean {
    const known = this.#transactions.isOccupied ? undefined : this.#waiting.get(link.name)
    if (!known) return false

    return known.keys === undefined || (envelope.subject !== undefined && known.keys.has(envelope.subject))
  }

  /** Finds out what waits, where that is not known or was found out long ago. */
  async #look(name: string): Promise<void> {
    if (this.#transactions.isOccupied) return
    const known = this.#waiting.get(name)
    if (known && this.#runtime.elapsed() - known.since <= believedMs) return
    const { outbox } = this.#transactions.store
    const [status] = await outbox.status([name])
    const isSent = status?.pending === 0
    const keys = isSent && status.parked > 0 ? new Set(await outbox.parkedKeys(name)) : undefined
    // Something may have been kept meanwhile.
    if (this.#waiting.get(name) !== known) return
    this.#waiting.set(name, isSent && status.parked === 0 ? nothing : { since: this.#runtime.elapsed(), keys })
  }
}
