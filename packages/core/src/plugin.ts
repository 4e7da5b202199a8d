import type { Plan } from './plan.js'

/** Something that lives and dies with the app: metrics, an outbox. */
export interface Plugin {
  readonly name: string
  /** Called when transports are connected and declared, before the first message moves. What it throws fails `start`. */
  start?(app: PluginHost): Promise<void> | void
  /** Called after the last listener has finished, in the opposite order. */
  stop?(): Promise<void> | void
}

export interface PluginHost {
  readonly app: string
  readonly plan: Plan
}
