import type { Tracer } from '@opentelemetry/api'
import type { Observing } from '@waybill/core'
import type { BaggageGate } from './carrier.js'
import type { ResolvedOptions } from './options.js'

/** What spans are made from. */
export interface Ground {
  readonly tracer: Tracer
  readonly observing: Observing
  readonly baggage: BaggageGate
  readonly options: ResolvedOptions
  /** The product behind what the app calls a transport. */
  readonly systemOf: (transport: string) => string
}
