import type { Origin, RawDelivery, RawEnvelope, Settlement } from '@waybill/core'

/** A delivery whose settlement somebody may stop on its way. */
export class FaultyDelivery implements RawDelivery {
  readonly #raw: RawDelivery
  readonly #settle: (raw: RawDelivery, settlement: Settlement) => void
  #isSettled = false

  constructor(raw: RawDelivery, settle: (raw: RawDelivery, settlement: Settlement) => void) {
    this.#raw = raw
    this.#settle = settle
  }

  get envelope(): RawEnvelope {
    return this.#raw.envelope
  }

  get headers(): Readonly<Record<string, unknown>> {
    return this.#raw.headers
  }

  get body(): Uint8Array {
    return this.#raw.body
  }

  get unwrap(): RawDelivery['unwrap'] {
    return this.#raw.unwrap
  }

  get contentType(): string | undefined {
    return this.#raw.contentType
  }

  get contentEncoding(): string | undefined {
    return this.#raw.contentEncoding
  }

  get replyTo(): string | undefined {
    return this.#raw.replyTo
  }

  get redelivered(): boolean {
    return this.#raw.redelivered
  }

  get deliveryCount(): number | undefined {
    return this.#raw.deliveryCount
  }

  get origin(): Origin {
    return this.#raw.origin
  }

  get toGroup(): boolean {
    return this.#raw.toGroup
  }

  get isStale(): boolean {
    return this.#raw.isStale
  }

  settle(settlement: Settlement): void {
    if (this.#isSettled) return
    this.#isSettled = true
    this.#settle(this.#raw, settlement)
  }
}
