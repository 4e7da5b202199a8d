import type { Observing, OutboxEvent } from '@waybill/core'
import type { Asking } from './asking.js'
import type { ResolvedOptions } from './options.js'

/** Why the app is not ready, for what waits: at the brokers, and in the outbox. */
export class Readiness {
  readonly #asking: Asking
  readonly #limits: ResolvedOptions['ready']
  readonly #shards = new Map<string, OutboxEvent>()

  constructor(asking: Asking, observing: Observing, limits: ResolvedOptions['ready']) {
    this.#asking = asking
    this.#limits = limits
    observing.on('outbox', (event) => this.#shards.set(event.shard, event))
  }

  get reasons(): readonly string[] {
    const { depth = Number.POSITIVE_INFINITY, outboxAgeMs = Number.POSITIVE_INFINITY } = this.#limits
    const deep = this.#asking.latest.filter(({ waiting }) => waiting > depth)
    const old = [...this.#shards.values()].filter(({ oldestMs }) => (oldestMs ?? 0) > outboxAgeMs)

    return [
      ...deep.map(({ channel, group, waiting }) => `${waiting} messages wait for group "${group}" on "${channel}"; ready is up to ${depth}.`),
      ...old.map(
        ({ shard, oldestMs }) =>
          `A committed message has waited ${Math.round((oldestMs ?? 0) / 1_000)} s in shard "${shard}" of the outbox; ready is up to ${outboxAgeMs / 1_000} s.`,
      ),
    ]
  }
}
