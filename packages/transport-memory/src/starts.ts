import type { GroupAddress, RawDelivery } from '@waybill/core'
import type { Broker } from './broker/broker.js'
import type { Layout } from './topology.js'

/** Counts starts in the broker, which outlives its apps. */
export class StartCounts {
  readonly #broker: Broker
  readonly #layout: Layout

  constructor(broker: Broker, layout: Layout) {
    this.#broker = broker
    this.#layout = layout
  }

  begin(of: GroupAddress, delivery: RawDelivery): number {
    const name = this.#nameOf(of, delivery)
    if (name === undefined) return 0
    const before = this.#broker.starts.get(name) ?? 0
    this.#broker.starts.set(name, before + 1)

    return before
  }

  ended(of: GroupAddress, delivery: RawDelivery, left: number): void {
    const name = this.#nameOf(of, delivery)
    if (name === undefined) return
    if (left > 0) this.#broker.starts.set(name, left)
    else this.#broker.starts.delete(name)
  }

  #nameOf({ channel, group }: GroupAddress, { envelope: { id } }: RawDelivery): string | undefined {
    return typeof id === 'string' && id.length > 0 ? `${this.#layout.queue(channel, group)} ${id}` : undefined
  }
}
