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

  async begin(of: GroupAddress, delivery: RawDelivery): Promise<number> {
    const name = this.#nameOf(of, delivery)
    if (name === undefined) return 0
    const before = this.#broker.startsOf(name)
    await this.#broker.keepStarts(name, before + 1)

    return before
  }

  async ended(of: GroupAddress, delivery: RawDelivery, left: number): Promise<void> {
    const name = this.#nameOf(of, delivery)
    if (name !== undefined) await this.#broker.keepStarts(name, left)
  }

  #nameOf({ channel, group }: GroupAddress, { envelope: { id } }: RawDelivery): string | undefined {
    return typeof id === 'string' && id.length > 0 ? `${this.#layout.queue(channel, group)} ${id}` : undefined
  }
}
