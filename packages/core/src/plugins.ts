import { storeOf } from './check-transactions.js'
import { loggedOf } from './dead-letter.js'
import { WaybillError } from './error.js'
import type { Fault } from './fault.js'
import type { Logger } from './logger.js'
import type { NamedMiddleware } from './middleware.js'
import type { Plan } from './plan.js'
import type { Plugin, PluginHost } from './plugin.js'
import type { Runtime } from './runtime.js'
import type { Store } from './store.js'
import { safeTrace, type TraceSource } from './trace.js'
import { isDoneWithin } from './within.js'

/** The plugins of an app, in the order in which it names them. */
export class Plugins {
  readonly #all: readonly Plugin[]
  readonly #log: Logger
  #starting: { readonly name: string; readonly giveUp: () => void } | undefined

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

  /** The plugin that `start` waits for. */
  get starting(): string | undefined {
    return this.#starting?.name
  }

  check(plan: Plan): readonly Fault[] {
    return this.#all.flatMap((plugin) => {
      try {
        return plugin.check?.(plan, this.store !== undefined) ?? []
      } catch (error) {
        return [{ code: 'PLUGIN', message: `The plugin "${plugin.name}" could not check the app: ${loggedOf(error)}` }]
      }
    })
  }

  has(name: string): boolean {
    return this.#all.some((plugin) => plugin.name === name)
  }

  async open(host: PluginHost): Promise<void> {
    for (const plugin of this.#all) await this.#unlessStopped(plugin, async () => plugin.open?.(host))
  }

  async start(host: PluginHost): Promise<void> {
    for (const plugin of this.#all) await this.#unlessStopped(plugin, async () => plugin.start?.(host))
  }

  /** Stops each, the last first, whatever one of them throws; each in the time that is left. */
  async stop(leftMs: () => number, runtime: Runtime): Promise<void> {
    this.#starting?.giveUp()
    for (const plugin of [...this.#all].reverse()) {
      const ms = leftMs()
      try {
        if (await isDoneWithin(Promise.resolve(plugin.stop?.()), ms, runtime)) continue
        this.#log.error(`The plugin "${plugin.name}" did not stop within ${Math.round(ms)} ms; the app stops without it.`)
      } catch (error) {
        this.#log.error(`The plugin "${plugin.name}" did not stop cleanly: ${error instanceof Error ? error.message : String(error)}`)
      }
    }
  }

  /** One that hangs there would keep `app.start` for ever. */
  async #unlessStopped({ name }: Plugin, work: () => Promise<void>): Promise<void> {
    const done = new Promise<void>((resolve, reject) => {
      this.#starting = { name, giveUp: () => reject(new WaybillError('STOPPED', `The plugin "${name}" had not started yet.`)) }
      work().then(resolve, (error: unknown) => {
        this.#log.error(`The plugin "${name}" did not start: ${loggedOf(error)}`)
        reject(error)
      })
    })
    await done.finally(() => {
      this.#starting = undefined
    })
  }
}
