import { type GroupDepth, Ignore, type Health, type Observing, type OutboxEvent, type PluginHost, type SagasEvent } from '@waybill/core'
import { momentOf } from './moment.js'

/** What rules look at. */
export interface Facts {
  readonly health: Health
  readonly depths: readonly GroupDepth[]
  /** What happened in each group within the window. */
  readonly recent: readonly Recent[]
  /** How the shards of the outbox were when they were last looked at. */
  readonly shards: readonly OutboxEvent[]
  /** How the sagas of each name were then. */
  readonly sagas: readonly SagasEvent[]
}

export interface Recent extends Counts {
  readonly channel: string
  readonly group: string
}

interface Counts {
  readonly consumed: number
  readonly failed: number
  readonly redelivered: number
  /** Done later than the objective says. */
  readonly late: number
}

/** How far back rules look. */
export const windowMs = 300_000

/** Counts what rules need, and forgets it after the window. */
export class FactBook {
  readonly #host: PluginHost
  readonly #lateMs: number
  readonly #totals = new Map<string, { -readonly [K in keyof Recent]: Recent[K] }>()
  readonly #shards = new Map<string, OutboxEvent>()
  readonly #sagas = new Map<string, SagasEvent>()
  readonly #pages: { readonly at: number; readonly totals: ReadonlyMap<string, Recent> }[]

  constructor(host: PluginHost, observing: Observing, lateMs: number) {
    this.#host = host
    this.#lateMs = lateMs
    this.#pages = [{ at: host.runtime.elapsed(), totals: new Map() }]
    observing.on('outbox', (event) => this.#shards.set(event.shard, event))
    observing.on('sagas', (event) => this.#sagas.set(event.saga, event))
    observing.on('processed', ({ channel, group, error, redelivered, envelope }) => {
      const name = `${channel} ${group}`
      let total = this.#totals.get(name)
      if (!total) {
        total = { channel, group, consumed: 0, failed: 0, redelivered: 0, late: 0 }
        this.#totals.set(name, total)
      }
      total.consumed++
      if (redelivered) total.redelivered++
      if (error !== undefined && !(error instanceof Ignore)) total.failed++
      else if (host.runtime.now() - momentOf(envelope.time) > this.#lateMs) total.late++
    })
  }

  /** Waits at most `patienceMs` for the brokers; what they do not tell by then is left out. */
  async read(patienceMs: number): Promise<Facts> {
    const depths = await this.#depths(patienceMs)

    return { health: this.#host.health(), depths, recent: this.#recent(), shards: [...this.#shards.values()], sagas: [...this.#sagas.values()] }
  }

  #depths(patienceMs: number): Promise<readonly GroupDepth[]> {
    return new Promise((resolve) => {
      const cancel = this.#host.runtime.after(patienceMs, () => resolve([]))
      this.#host
        .depths()
        .then(resolve, () => resolve([]))
        .finally(cancel)
    })
  }

  #recent(): readonly Recent[] {
    const now = this.#host.runtime.elapsed()
    // The newest page that is as old as the window stays, to count from; until there is one, the beginning.
    while (this.#pages[1] && this.#pages[1].at <= now - windowMs) this.#pages.shift()
    const before = this.#pages[0]?.totals
    this.#pages.push({ at: now, totals: new Map([...this.#totals].map(([name, total]) => [name, { ...total }])) })

    return [...this.#totals].map(([name, total]) => {
      const then = before?.get(name)

      return {
        ...total,
        consumed: total.consumed - (then?.consumed ?? 0),
        failed: total.failed - (then?.failed ?? 0),
        redelivered: total.redelivered - (then?.redelivered ?? 0),
        late: total.late - (then?.late ?? 0),
      }
    })
  }
}
