import { type Logger, type OutboxStore, type PluginTransactions, type Runtime, StoreFull } from '@waybill/core'

export interface BacklogOptions {
  readonly outbox: OutboxStore
  readonly transactions: Pick<PluginTransactions, 'refuse'>
  readonly shards: readonly string[]
  readonly runtime: Runtime
  readonly log: Logger
  /** How many rows may wait for one transport. */
  readonly most: number
}

const lookEveryMs = 1_000

/** Where more waits for a broker than is to, callers feel it: what they publish in a transaction is refused until a tenth of that is sent. */
export class Backlog {
  readonly #options: BacklogOptions
  readonly #full = new Set<string>()
  #cancel: (() => void) | undefined
  #isOver = false

  constructor(options: BacklogOptions) {
    this.#options = options
  }

  start(): void {
    if (this.#isOver) return
    this.#cancel = this.#options.runtime.after(lookEveryMs, () => {
      // A store that is away takes nothing anyway, and others tell.
      void this.#look().then(
        () => this.start(),
        () => this.start(),
      )
    })
  }

  stop(): void {
    this.#isOver = true
    this.#cancel?.()
  }

  async #look(): Promise<void> {
    const { outbox, shards, most } = this.#options
    for (const { shard, pending } of await outbox.status(shards)) {
      if (pending > most && !this.#full.has(shard)) this.#fill(shard, pending)
      else if (pending <= most * 0.9 && this.#full.has(shard)) this.#open(shard)
    }
  }

  #fill(shard: string, pending: number): void {
    const { log, most, transactions } = this.#options
    this.#full.add(shard)
    log.warn(`${pending} messages wait in the outbox for "${shard}", and ${most} are to at most: what is published in transactions for it is refused until fewer wait.`)
    const text = `More than ${most} messages wait in the outbox for "${shard}", so no more are taken until its broker has taken some. Publish less, see why they wait, or raise "backlog" of outbox().`
    transactions.refuse(shard, () => new StoreFull('OUTBOX_FULL', text))
  }

  #open(shard: string): void {
    const { log, most, transactions } = this.#options
    this.#full.delete(shard)
    log.info(`Fewer than ${most} messages wait in the outbox for "${shard}" again: it takes what is published.`)
    transactions.refuse(shard, undefined)
  }
}
