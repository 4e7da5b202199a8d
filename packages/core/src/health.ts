import type { StoreHealth } from './store.js'
import type { ConsumerHealth } from './consumer-health.js'
import type { ConnectionState } from './transport.js'

/** What an operator asks first. Plain data, safe to show. */
export interface Health {
  /** The process works; never false because of a broker. */
  readonly live: boolean
  /** Every connection stands, every listener is attached and reads all that it was given, and none is paused by deliveries that it no longer has. */
  readonly ready: boolean
  readonly state: 'new' | 'starting' | 'running' | 'stopping' | 'stopped'
  readonly connections: readonly (ConnectionState & { readonly transport: string })[]
  /** What is published and not settled, and how many callers wait for room. */
  readonly publishers: readonly { readonly transport: string; readonly unsettled: number; readonly bytes: number; readonly waiting: number }[]
  readonly consumers: readonly (ConsumerHealth & { readonly channel: string; readonly group: string; readonly running: number } & Waiting)[]
  /** Where the app has one. */
  readonly store: (StoreHealth & { readonly name: string }) | undefined
  /** Why it is not ready, a sentence each. */
  readonly reasons: readonly string[]
}

interface Waiting {
  /** Deliveries in hand that wait for something other than a free listener: for those before them of their key, for their rate, for their next try. */
  readonly blocked: number
  /** The key behind which most of them wait. */
  readonly behind: string | undefined
}
