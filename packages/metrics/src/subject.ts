import type { PluginHost, Observing, ProcessEvent } from '@waybill/core'
import type { Asking } from './asking.js'
import type { Glance } from './glance.js'
import type { Meters } from './meters.js'
import type { ResolvedOptions } from './options.js'

export type Listening = Pick<ProcessEvent, 'transport' | 'channel' | 'group' | 'listener'>

/** What the metrics of one subject are made from. */
export interface Subject {
  readonly host: PluginHost
  readonly glance: Glance
  readonly asking: Asking
  readonly meters: Meters
  readonly options: ResolvedOptions
  readonly observing: Observing
  /** The product behind what the app calls a transport. */
  readonly systemOf: (transport: string) => string
  /** Each listener of the app, and what the app calls the transport of its channel. */
  readonly listeners: readonly Listening[]
}
