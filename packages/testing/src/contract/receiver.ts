import assert from 'node:assert/strict'
import type { Consumer, RawDelivery, Settlement, Subscription } from '@waybill/core'
import type { Peer } from './peer.js'

/** A consumer and all that it was given, in the order of arrival. */
export class Receiver {
  readonly received: RawDelivery[] = []
  readonly unsettled = new Set<RawDelivery>()
  /** The most that was unsettled at a time. */
  most = 0
  hold: boolean
  readonly #peer: Peer
  #consumer: Consumer | undefined
  #stopped = false

  constructor(peer: Peer, hold: boolean) {
    this.#peer = peer
    this.hold = hold
  }

  async attach(subscription: Subscription): Promise<void> {
    this.#consumer = await this.#peer.transport.subscribe(subscription, (deliveries) => this.#take(deliveries))
  }

  get consumer(): Consumer {
    assert.ok(this.#consumer, 'The receiver is attached before it is used.')

    return this.#consumer
  }

  /** The first so many, once they are here. */
  async arrived(count: number): Promise<readonly RawDelivery[]> {
    await this.#peer.eventually(
      `${count} deliveries arrive`,
      () => this.received.length >= count,
      () => this.received.length,
    )

    return this.received.slice(0, count)
  }

  /** The delivery of that message, once it is here. */
  async got(id: string): Promise<RawDelivery> {
    const find = (): RawDelivery | undefined => this.received.findLast((delivery) => delivery.envelope.id === id)
    await this.#peer.eventually(
      `message "${id}" arrives`,
      () => find() !== undefined,
      () => this.received.length,
    )

    return find() as RawDelivery
  }

  settle(deliveries: readonly RawDelivery[], settlement: Settlement): void {
    for (const delivery of deliveries) {
      this.unsettled.delete(delivery)
      delivery.settle(settlement)
    }
  }

  ack(...deliveries: readonly RawDelivery[]): void {
    this.settle(deliveries, 'ack')
  }

  /** From now on acks at once, and what it holds first. */
  release(): void {
    this.hold = false
    this.ack(...this.unsettled)
  }

  async stop(): Promise<void> {
    await this.consumer.stop()
    this.#stopped = true
  }

  get texts(): readonly string[] {
    return this.received.map(textOf)
  }

  get ids(): readonly unknown[] {
    return this.received.map((delivery) => delivery.envelope.id)
  }

  #take(deliveries: readonly RawDelivery[]): void {
    if (this.#stopped) this.#peer.violations.push(`delivered ${deliveries.length} messages after stop had resolved`)
    for (const delivery of deliveries) {
      this.received.push(delivery)
      this.unsettled.add(delivery)
      if (this.unsettled.size > this.most) this.most = this.unsettled.size
    }
    if (!this.hold) this.settle(deliveries, 'ack')
  }
}

export function textOf(delivery: RawDelivery): string {
  return Buffer.from(delivery.body).toString('utf8')
}
