import type { Duration } from './duration.js'
import type { Headers } from './envelope.js'

export interface Delivery {
  readonly id: string
  /** 1 for the first try. */
  readonly attempt: number
  readonly key: string | undefined
  readonly headers: Headers
  /** Aborted when the listener's time is up or the app stops. */
  readonly signal: AbortSignal
}

/** One item of a batch: fails alone when it is marked, succeeds otherwise. */
export interface BatchItem extends Delivery {
  fail(error: Error): void
}

export interface ManualDelivery extends Delivery {
  ack(): void
  retry(options?: { readonly after?: Duration }): void
  deadLetter(reason: string): void
}

/** A message as it came, for a raw listener: nothing is parsed, nothing is validated. */
export interface RawMessage {
  /** What the sender calls it, where it says so. */
  readonly name: string | undefined
  readonly body: Uint8Array
  readonly contentType: string | undefined
  text(): string
  /** Parses the body; throws a {@link DeadLetter} where it is no JSON. */
  json(): unknown
}
