import type { PluginHost, Observing } from '@waybill/core'
import type { Glance } from './glance.js'
import type { Meters } from './meters.js'
import type { ResolvedOptions } from './options.js'

/** What the metrics of one subject are made from. */
export interface Subject {
  readonly host: PluginHost
  readonly glance: Glance
  readonly meters: Meters
  readonly options: ResolvedOptions
  readonly observing: Observing
  /** The product behind what the app calls a transport. */
  readonly systemOf: (transport: string) => string
}
