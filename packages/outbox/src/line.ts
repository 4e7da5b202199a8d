import type { OutboxRow, Parking, PluginTransport, PublishOutcome, Runtime } from '@waybill/core'
import { codeOf, reasonOf } from './refusal.js'

/** What became of the rows that were given. */
export interface Sent {
  /** Confirmed, or too old for anybody. */
  readonly sent: ReadonlySet<bigint>
  readonly parked: ReadonlyMap<bigint, Parking>
  /** How many are neither: they are tried again. */
  readonly left: number
}

export interface LineOptions {
  readonly transport: PluginTransport
  readonly runtime: Runtime
  readonly attempts: number
  readonly strictKeyOrder: boolean
  /** Nobody may have it any more, so it was not sent. */
  readonly onExpired: (row: OutboxRow) => void
  /** False: the lease may be another's by now, so nothing more is sent. */
  readonly mayPublish: () => boolean
}

/** Rows that were given together. */
interface Batch {
  readonly blocked: Set<string>
  readonly isAlone: boolean
  /** No other row can tell whether the broker takes any: that it answers is enough. */
  readonly isOnly: boolean
  readonly sent: Set<bigint>
  readonly parked: Map<bigint, Parking>
  left: number
  open: number
  readonly done: (sent: Sent) => void
}

/** How often a row was refused, and how many others had been confirmed before the first time. */
interface Refusals {
  readonly times: number
  readonly confirmed: number
}

type Unconfirmed = Exclude<PublishOutcome, { readonly kind: 'confirmed' }>

interface Parcel {
  readonly row: OutboxRow
  readonly batch: Batch
}

/**
 * Sends rows of one shard as fast as their confirms allow, and judges what each outcome means: a row that its broker will never take is parked with its key,
 * one that met an outage is left. With `strictKeyOrder` a row leaves when the one before it of its key is confirmed, also where that was given before.
 */
export class Line {
  readonly #options: LineOptions
  readonly #refusals = new Map<bigint, Refusals>()
  /** By key: what waits for the one before it, which is under way. */
  readonly #behind = new Map<string, Parcel[]>()
  /** Of these a row was left: what follows it is left too, until nothing is under way. */
  readonly #held = new Set<string>()
  #open = 0
  #confirmed = 0

  constructor(options: LineOptions) {
    this.#options = options
  }

  /** Of `blocked` keys nothing is sent: their rows are parked behind what is parked already. Keys of which one is parked now are added. */
  send(rows: readonly OutboxRow[], blocked: Set<string>): Promise<Sent> {
    return this.#send(rows, blocked, { isAlone: false, isOnly: false })
  }

  /** What was parked already and is tried again. */
  sendReleased(rows: readonly OutboxRow[]): Promise<Sent> {
    return this.#send(rows, new Set(), { isAlone: false, isOnly: true })
  }

  /** One row after another, up to the first that is left. Behind one that has used up its tries those of other keys tell whether the broker takes any. */
  async sendAlone(rows: readonly OutboxRow[], blocked: Set<string>): Promise<Sent> {
    const [sent, parked, left] = [new Set<bigint>(), new Map<bigint, Parking>(), new Set<string>()]
    const [first] = rows
    const isOnly = rows.every((row) => row === first || (row.key !== undefined && row.key === first?.key))
    for (const row of rows) {
      if (row.key !== undefined && left.has(row.key)) continue
      const one = await this.#send([row], blocked, { isAlone: true, isOnly })
      for (const seq of one.sent) sent.add(seq)
      for (const [seq, parking] of one.parked) parked.set(seq, parking)
      if (one.left === 0) continue
      if (!this.#options.transport.writable || !this.#hasUsedUp(row)) break
      if (row.key !== undefined) left.add(row.key)
    }

    return { sent, parked, left: rows.length - sent.size - parked.size }
  }

  /** Forgets what was counted. */
  reset(): void {
    this.#refusals.clear()
  }

  #send(rows: readonly OutboxRow[], blocked: Set<string>, how: Pick<Batch, 'isAlone' | 'isOnly'>): Promise<Sent> {
    return new Promise((done) => {
      const batch: Batch = { ...how, blocked, sent: new Set(), parked: new Map(), left: 0, open: rows.length, done }
      this.#open += rows.length
      if (rows.length === 0) done(batch)
      for (const row of rows) this.#enter({ row, batch })
    })
  }

  #enter(parcel: Parcel): void {
    const { row, batch } = parcel
    const { key } = row
    if (key === undefined) return this.#post(parcel)
    if (batch.blocked.has(key)) return this.#parkBehind(parcel, key)
    if (!this.#options.strictKeyOrder) return this.#post(parcel)
    if (this.#held.has(key)) return this.#leave(parcel)
    const waiting = this.#behind.get(key)
    if (waiting) return void waiting.push(parcel)
    this.#behind.set(key, [])
    this.#post(parcel)
  }

  #post(parcel: Parcel): void {
    const { row } = parcel
    const { transport, runtime, mayPublish } = this.#options
    if (!mayPublish()) return this.#leave(parcel)
    if (row.expiresAt !== undefined && row.expiresAt <= runtime.now()) {
      this.#options.onExpired(row)
      this.#deal(parcel)
      return this.#release(row)
    }
    try {
      transport.send(row, (outcome) => this.#settle(parcel, outcome))
    } catch (error) {
      this.#park(parcel, codeOf(error), reasonOf(error))
      this.#release(row)
    }
  }

  #settle(parcel: Parcel, outcome: PublishOutcome): void {
    const { row } = parcel
    if (outcome.kind === 'confirmed') {
      this.#confirmed++
      this.#deal(parcel)
    } else if (outcome.kind === 'unroutable') this.#park(parcel, 'UNROUTABLE', outcome.reason)
    else if (this.#isPoison(parcel, outcome)) this.#park(parcel, outcome.kind.toUpperCase(), outcome.reason)
    else return this.#leave(parcel)
    this.#release(row)
  }

  #deal({ row, batch }: Parcel): void {
    this.#refusals.delete(row.seq)
    batch.sent.add(row.seq)
    this.#close(batch)
  }

  /**
   * What a broker refuses that takes others: else it takes none, as one whose queue is full or has lost its majority, and no row is the worse for that.
   * Of unknown outcome it is only believed alone: a row that breaks its channel takes the others with it.
   */
  #isPoison({ row, batch }: Parcel, outcome: Unconfirmed): boolean {
    if (!this.#options.transport.writable || (outcome.kind === 'unknown' && !batch.isAlone)) return false
    const { times, confirmed } = this.#refusals.get(row.seq) ?? { times: 0, confirmed: this.#confirmed }
    this.#refusals.set(row.seq, { times: times + 1, confirmed })
    if (!this.#hasUsedUp(row)) return false
    const isSilence = outcome.kind === 'unknown' && outcome.isSilence === true
    if (this.#confirmed === confirmed && (!batch.isOnly || isSilence)) return false
    this.#refusals.delete(row.seq)

    return true
  }

  #hasUsedUp({ seq }: OutboxRow): boolean {
    return (this.#refusals.get(seq)?.times ?? 0) >= this.#options.attempts
  }

  #park({ row, batch }: Parcel, code: string, reason: string): void {
    batch.parked.set(row.seq, { row, code, reason })
    if (row.key !== undefined) batch.blocked.add(row.key)
    this.#close(batch)
  }

  #parkBehind(parcel: Parcel, key: string): void {
    this.#park(parcel, 'BEHIND', `An earlier message of the key "${key}" is parked.`)
  }

  /** It stays for the next time, and so does what follows it of its key. */
  #leave(parcel: Parcel): void {
    const { key } = parcel.row
    const left = [parcel]
    if (key !== undefined && this.#options.strictKeyOrder) {
      this.#held.add(key)
      left.push(...(this.#behind.get(key) ?? []))
      this.#behind.delete(key)
    }
    for (const { batch } of left) {
      batch.left++
      this.#close(batch)
    }
  }

  /** The next of its key may go. */
  #release({ key }: OutboxRow): void {
    const waiting = key === undefined ? undefined : this.#behind.get(key)
    if (key === undefined || !waiting) return
    const next = waiting.shift()
    if (!next) return void this.#behind.delete(key)
    if (!next.batch.blocked.has(key)) return this.#post(next)
    this.#parkBehind(next, key)
    this.#release(next.row)
  }

  /** One row of it is dealt with. */
  #close(batch: Batch): void {
    batch.open--
    this.#open--
    if (this.#open === 0) this.#held.clear()
    if (batch.open === 0) batch.done(batch)
  }
}
