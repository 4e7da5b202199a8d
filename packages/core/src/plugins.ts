import { storeOf } from './check-transactions.js'
import type { Logger } from './logger.js'
import type { NamedMiddleware } from './middleware.js'
import type { Plugin, PluginHost } from './plugin.js'
import type { Store } from './store.js'
import { safeTrace, type TraceSource } from './trace.js'

/** The plugins of an app, in the order in which it names them. */
export class Plugins {
  readonly #all: readonly Plugin[]
  readonly #log: Logger

  constructor(all: readonly Plugin[], log: Logger) {
    this.#all = all
    this.#log = log
  }

  get middleware(): readonly NamedMiddleware[] {
    return this.#all.flatMap(({ name, middleware }) => (middleware ? { name: `The middleware of the plugin "${name}"`, middleware } : []))
  }

  get trace(): TraceSource | undefined {
    return safeTrace(this.#all.find(({ trace }) => trace)?.trace, this.#log)
  }

  get store(): Store | undefined {
    return storeOf(this.#all)
  }

  get provided(): readonly (readonly [abstract new (...args: never[]) => object, object])[] {
    return this.#all.flatMap(({ provides }) => [...(provides ?? [])])
  }

  async open(host: PluginHost): Promise<void> {
    for (const plugin of this.#all) await plugin.open?.(host)
  }

  async start(host: PluginHost): Promise<void> {
    for (const plugin of this.#all) await plugin.start?.(host)
  }

  /** Stops each, the last first, whatever one of them throws. */
  async stop(): Promise<void> {
    for (const plugin of [...this.#all].reverse()) {
      try {
        await plugin.stop?.()
      } catch (error) {
        this.#log.error(`The plugin "${plugin.name}" did not stop cleanly: ${error instanceof Error ? error.message : String(error)}`)
      }
    }
  }
}
