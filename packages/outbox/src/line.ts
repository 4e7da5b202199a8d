import type { OutboxRow, Parking, PluginTransport, PublishOutcome, Runtime } from '@waybill/core'
import { codeOf, reasonOf } from './refusal.js'

/** What became of the rows that were given. */
export interface Sent {
  /** Confirmed, or too old for anybody. */
  readonly sent: ReadonlySet<bigint>
  readonly parked: ReadonlyMap<bigint, Parking>
  /** How many are neither: they are tried again. */
  readonly left: number
  /** The broker took none of them, or was away. */
  readonly isOutage: boolean
}

export interface LineOptions {
  readonly transport: PluginTransport
  readonly runtime: Runtime
  readonly attempts: number
  readonly strictKeyOrder: boolean
  /** False: the lease may be another's by now, so nothing more is sent. */
  readonly mayPublish: () => boolean
}

/**
 * Sends rows of one shard as fast as their confirms allow, and judges what each outcome means: a row that its broker will never take is parked with its key,
 * one that met an outage is left. With `strictKeyOrder` a row leaves when the one before it of its key is confirmed.
 */
export class Line {
  readonly #options: LineOptions
  readonly #refusals = new Map<bigint, number>()

  constructor(options: LineOptions) {
    this.#options = options
  }

  /** Of `blocked` keys nothing is sent: their rows are parked behind what is parked already. `alone`: one row after another. */
  send(rows: readonly OutboxRow[], blocked: ReadonlySet<string>, alone: boolean): Promise<Sent> {
    return new Promise((resolve) => new Run(this.#options, this.#refusals, rows, { blocked, alone }, resolve).start())
  }

  /** Forgets what was counted. */
  reset(): void {
    this.#refusals.clear()
  }
}

/** One call of `send`. */
class Run {
  readonly #options: LineOptions
  readonly #refusals: Map<bigint, number>
  readonly #rows: readonly OutboxRow[]
  readonly #alone: boolean
  readonly #blocked: Set<string>
  readonly #behind = new Map<string, OutboxRow[]>()
  readonly #held = new Set<string>()
  readonly #sent = new Set<bigint>()
  readonly #parked = new Map<bigint, Parking>()
  readonly #done: (sent: Sent) => void
  #flying = 0
  #next = 0
  #failures = 0
  #isFilling = false

  constructor(
    options: LineOptions,
    refusals: Map<bigint, number>,
    rows: readonly OutboxRow[],
    how: { readonly blocked: ReadonlySet<string>; readonly alone: boolean },
    done: (sent: Sent) => void,
  ) {
    this.#options = options
    this.#refusals = refusals
    this.#rows = rows
    this.#alone = how.alone
    this.#blocked = new Set(how.blocked)
    this.#done = done
  }

  start(): void {
    this.#fill()
    if (this.#flying === 0) this.#finish()
  }

  #fill(): void {
    this.#isFilling = true
    while (this.#next < this.#rows.length && !(this.#alone && (this.#flying > 0 || this.#failures > 0))) this.#enter(this.#rows[this.#next++] as OutboxRow)
    this.#isFilling = false
  }

  #enter(row: OutboxRow): void {
    const { key } = row
    if (key === undefined) return this.#send(row)
    if (this.#blocked.has(key)) return this.#park(row, 'BEHIND', `An earlier message of the key "${key}" is parked.`)
    if (!this.#options.strictKeyOrder) return this.#send(row)
    const waiting = this.#behind.get(key)
    if (waiting) return void waiting.push(row)
    if (this.#held.has(key)) return
    this.#behind.set(key, [])
    this.#send(row)
  }

  #send(row: OutboxRow): void {
    const { transport, runtime, mayPublish } = this.#options
    if (!mayPublish()) return this.#leave(row)
    if (row.expiresAt !== undefined && row.expiresAt <= runtime.now()) return this.#settle(row, expired)
    this.#flying++
    try {
      transport.send(row, (outcome) => {
        this.#flying--
        this.#settle(row, outcome)
        this.#after()
      })
    } catch (error) {
      this.#flying--
      this.#park(row, codeOf(error), reasonOf(error))
      this.#release(row)
    }
  }

  #settle(row: OutboxRow, outcome: PublishOutcome): void {
    if (outcome.kind === 'confirmed') {
      this.#refusals.delete(row.seq)
      this.#sent.add(row.seq)
    } else if (outcome.kind === 'unroutable') this.#park(row, 'UNROUTABLE', outcome.reason)
    else if (this.#isPoison(row, outcome)) this.#park(row, outcome.kind.toUpperCase(), outcome.reason)
    else return this.#leave(row)
    this.#release(row)
  }

  /** What a broker refuses that takes others. Of unknown outcome it is only believed alone: a row that breaks its channel takes the others with it. */
  #isPoison(row: OutboxRow, { kind }: PublishOutcome): boolean {
    if (!this.#options.transport.writable || (kind === 'unknown' && !this.#alone)) return false
    const refusals = (this.#refusals.get(row.seq) ?? 0) + 1
    this.#refusals.set(row.seq, refusals)
    if (refusals < this.#options.attempts) return false
    this.#refusals.delete(row.seq)

    return true
  }

  #park(row: OutboxRow, code: string, reason: string): void {
    this.#parked.set(row.seq, { row, code, reason })
    if (row.key !== undefined) this.#blocked.add(row.key)
  }

  /** It stays for the next time, and so does what follows it of its key. */
  #leave({ key }: OutboxRow): void {
    this.#failures++
    if (key === undefined || !this.#options.strictKeyOrder) return
    this.#held.add(key)
    this.#behind.delete(key)
  }

  /** The next of its key may go. */
  #release({ key }: OutboxRow): void {
    const waiting = key === undefined ? undefined : this.#behind.get(key)
    if (key === undefined || !waiting) return
    const next = waiting.shift()
    if (!next) return void this.#behind.delete(key)
    if (!this.#blocked.has(key)) return this.#send(next)
    this.#park(next, 'BEHIND', `An earlier message of the key "${key}" is parked.`)
    this.#release(next)
  }

  #after(): void {
    if (this.#isFilling) return
    this.#fill()
    if (this.#flying === 0) this.#finish()
  }

  #finish(): void {
    const left = this.#rows.length - this.#sent.size - this.#parked.size
    this.#done({ sent: this.#sent, parked: this.#parked, left, isOutage: left > 0 && this.#sent.size === 0 })
  }
}

/** Nobody may have it any more, so nobody is sent it. */
const expired: PublishOutcome = Object.freeze({ kind: 'confirmed' })
