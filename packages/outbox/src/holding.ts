import type { Lease, Logger, OutboxStore, Runtime } from '@waybill/core'

export interface HoldingOptions {
  readonly outbox: OutboxStore
  readonly runtime: Runtime
  readonly log: Logger
  readonly shard: string
  /** Of this run of the app, unique. */
  readonly owner: string
  readonly ttlMs: number
}

/** The lease of one shard, as long as this process has it: renewed by itself, and not believed where a renewal is late. */
export class Holding {
  readonly #options: HoldingOptions
  #lease: Lease | undefined
  #renewedAt = 0
  #cancel: (() => void) | undefined

  constructor(options: HoldingOptions) {
    this.#options = options
  }

  get lease(): Lease | undefined {
    return this.#lease
  }

  /** The store's clock says when it ends; by this process's own it is left well before. */
  get isSafe(): boolean {
    return this.#lease !== undefined && this.#options.runtime.elapsed() - this.#renewedAt < (this.#options.ttlMs * 2) / 3
  }

  /** Undefined: another process has it. `isNew`: what was known of the shard may be wrong by now. */
  async take(): Promise<{ readonly lease: Lease; readonly isNew: boolean } | undefined> {
    if (this.#lease && this.isSafe) return { lease: this.#lease, isNew: false }
    const { outbox, runtime, log, shard, owner, ttlMs } = this.#options
    this.drop()
    const asked = runtime.elapsed()
    const lease = await outbox.lease(shard, owner, ttlMs)
    if (!lease) return undefined
    log.debug(`The relay of "${shard}" is here now.`, { epoch: String(lease.epoch) })
    this.#lease = lease
    this.#renewedAt = asked
    this.#plan(lease)

    return { lease, isNew: true }
  }

  /** Somebody else has it, or may have. */
  drop(): void {
    this.#cancel?.()
    this.#cancel = undefined
    this.#lease = undefined
  }

  /** So that a standby need not wait. */
  async release(): Promise<void> {
    const lease = this.#lease
    this.drop()
    if (lease) await this.#options.outbox.release(lease)
  }

  #plan(lease: Lease): void {
    this.#cancel = this.#options.runtime.after(this.#options.ttlMs / 3, () => void this.#renew(lease))
  }

  async #renew(lease: Lease): Promise<void> {
    const { outbox, runtime, log, shard, ttlMs } = this.#options
    const asked = runtime.elapsed()
    try {
      const isOurs = await outbox.renew(lease, ttlMs)
      if (this.#lease !== lease) return
      if (!isOurs) return this.drop()
      this.#renewedAt = asked
    } catch (error) {
      // The relay says when its store is away, and when it is back.
      log.debug(`The lease of "${shard}" could not be renewed: ${error instanceof Error ? error.message : String(error)}`)
    }
    if (this.#lease === lease) this.#plan(lease)
  }
}
