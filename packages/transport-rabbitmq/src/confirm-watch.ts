import type { TransportHost } from '@waybill/core'
import type { Connection } from './connection.js'
import type { Route } from './wire.js'

const lookEveryMs = 1_000
/** A destination that refuses so many in a row, for so long, is doubted. */
const refused = { least: 3, patienceMs: 2_000 }
const silentPatienceMs = 10_000
const mostPatience = 32

export interface ConfirmWatchOptions {
  readonly host: TransportHost
  readonly connection: Connection
  /** For people: `publishing channel`. */
  readonly what: string
  /** Gives the channel up and opens another. */
  readonly renew: (reason: string) => void
}

/** What was written on a channel and is not confirmed. */
interface Unanswered {
  readonly oldestTag: number | undefined
}

interface Refusals {
  count: number
  readonly since: number
}

/**
 * Finds a confirm channel that the broker has stopped serving while its connection stands. On 3.10.8 a channel that published to a quorum queue while that had no leader
 * may be refused for ever afterwards, or never be answered, though the queue has a new one; on another channel it works. A full queue looks the same from here,
 * so the patience doubles with each doubt that follows another.
 */
export class ConfirmWatch {
  readonly #options: ConfirmWatchOptions
  readonly #refusals = new Map<string, Refusals>()
  #window: Unanswered | undefined
  #oldest: { readonly tag: number; readonly since: number } | undefined
  #patience = 1
  #doubtedAt = 0
  #isLooking = false

  constructor(options: ConfirmWatchOptions) {
    this.#options = options
  }

  /** Something was written there. */
  written(window: Unanswered): void {
    if (this.#window !== window) this.#oldest = undefined
    this.#window = window
    if (!this.#isLooking) this.#look()
  }

  confirmed(route: Route): void {
    if (this.#refusals.size > 0) this.#refusals.delete(keyOf(route))
  }

  refused(route: Route): void {
    const key = keyOf(route)
    const now = this.#options.host.runtime.elapsed()
    const found = this.#refusals.get(key) ?? { count: 0, since: now }
    this.#refusals.set(key, found)
    found.count++
    if (found.count < refused.least || now - found.since < refused.patienceMs * this.#patienceAt(now)) return
    this.#doubt(`the broker refused the last ${found.count} messages to ${nameOf(route)}`)
  }

  #look(): void {
    this.#isLooking = true
    this.#options.host.runtime.after(lookEveryMs, () => {
      this.#isLooking = false
      const tag = this.#window?.oldestTag
      if (tag === undefined) return void (this.#oldest = undefined)
      this.#weigh(tag)
      this.#look()
    })
  }

  #weigh(tag: number): void {
    const { connection, host } = this.#options
    const now = host.runtime.elapsed()
    // Under an alarm the broker says itself why it does not answer.
    if (this.#oldest?.tag !== tag || connection.isBlocked) this.#oldest = { tag, since: now }
    else if (now - this.#oldest.since >= silentPatienceMs * this.#patience)
      this.#doubt(`the broker has not answered a publish for ${Math.round((now - this.#oldest.since) / 1_000)} s`)
  }

  /** One again when it was right for twice as long as the longest wait. */
  #patienceAt(now: number): number {
    return now - this.#doubtedAt < 2 * silentPatienceMs * this.#patience ? this.#patience : 1
  }

  #doubt(reason: string): void {
    const { host, renew, what } = this.#options
    const now = host.runtime.elapsed()
    this.#patience = Math.min(mostPatience, 2 * this.#patienceAt(now))
    this.#doubtedAt = now
    this.#refusals.clear()
    this.#oldest = undefined
    host.log.warn(
      `The ${what} is opened anew: ${reason}. A queue that is full does that, and so does RabbitMQ now and then after a queue changed its leader; then a new channel helps.`,
    )
    renew(reason)
  }
}

function keyOf({ exchange, routingKey }: Route): string {
  return `${exchange} ${routingKey}`
}

function nameOf({ exchange, routingKey }: Route): string {
  return exchange === '' ? `queue "${routingKey}"` : `exchange "${exchange}" with routing key "${routingKey}"`
}
