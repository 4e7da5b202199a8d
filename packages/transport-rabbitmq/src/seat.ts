import type { Settlement } from '@waybill/core'
import type { ConsumeMessage } from 'amqplib/callback_api'
import { Acks } from './acks.js'
import type { Channel } from './driver.js'
import type { RabbitDelivery, Settler } from './wire.js'

/** What an attachment tells its consumer. */
export interface AttachmentOwner {
  arrived(delivery: RabbitDelivery): void
  /** A delivery that was handed over is settled, on a channel that still stands. */
  settled(seat: Seat): void
  /** The same after its channel was gone. */
  settledLate(): void
  /** What came on it and was not handed over will come to somebody else. */
  yields(seat: Seat): void
  lost(seat: Seat, queue: string, reason: string): void
}

/** One life of one channel: the deliveries that came on it are settled on it or not at all. */
export class Seat implements Settler {
  readonly acks: Acks
  readonly #owner: AttachmentOwner
  #isOpen = true
  #drained: (() => void) | undefined
  #finished: (() => void) | undefined
  readonly #progressed: (() => void) | undefined
  /** Handed over to core and not settled. */
  unsettled = 0
  /** Arrived and not settled. */
  open = 0
  hasReceived = false
  /** What came behind a signpost, until it is known what that means. */
  held: ConsumeMessage[] | undefined
  hasAcked = false
  /** Undefined until the broker has accepted it. */
  consumerTag: string | undefined

  /** `progressed` is called when something on it was acknowledged. */
  constructor(channel: Channel, owner: AttachmentOwner, progressed?: () => void) {
    this.acks = new Acks(channel)
    this.#owner = owner
    this.#progressed = progressed
  }

  settle(tag: number, settlement: Settlement): void {
    if (!this.#isOpen) return this.#owner.settledLate()
    if (settlement === 'ack') this.acks.ack(tag)
    else this.acks.giveBack(tag)
    this.hasAcked ||= settlement === 'ack'
    this.#owner.settled(this)
    this.open--
    if (this.unsettled === 0) this.#drained?.()
    if (this.open === 0) this.#finished?.()
    if (this.hasAcked) this.#progressed?.()
  }

  /** Nothing more is handed over from here; calls back when what was is settled. */
  drain(drained: () => void): void {
    this.#drained = drained
    if (this.unsettled === 0) drained()
  }

  /** Calls back when everything that arrived is handed over and settled. */
  finish(finished: () => void): void {
    this.#finished = finished
    if (this.open === 0) finished()
  }

  get isDraining(): boolean {
    return this.#drained !== undefined
  }

  get isStale(): boolean {
    return !this.#isOpen
  }

  close(): void {
    this.#isOpen = false
  }
}
