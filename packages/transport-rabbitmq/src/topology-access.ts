import {
  BrokerRefused,
  ConfigError,
  countOf,
  type MigrationParts,
  type Removal,
  type RemoveOptions,
  type TopologyAccess,
  type TopologyDifference,
  type TopologyOfHost,
  type TransportHost,
  type UnusedThing,
  WaybillError,
} from '@waybill/core'
import { faultsOf } from './channel-faults.js'
import { differencesOf, foundName } from './difference.js'
import { type Model, openModel } from './driver.js'
import type { Survey } from './management.js'
import { migrated } from './migration.js'
import type { ResolvedOptions } from './options.js'
import { reasonOfConnect, refusalOfConnect } from './refusal.js'
import { kept, removeLeftover, statesOf } from './tidying.js'
import { Names, planOf } from './topology.js'
import { type Leftover, leftoversOf, strangersOf, type UnusedParts } from './unused.js'

/** The topology at the broker, seen through its HTTP API and tidied over AMQP, on a connection of its own. */
export class RabbitTopology implements TopologyAccess {
  readonly #options: ResolvedOptions

  constructor(options: ResolvedOptions) {
    this.#options = options
  }

  async difference(of: TopologyOfHost): Promise<readonly TopologyDifference[]> {
    const { plan, survey } = await this.#look(of)

    return differencesOf(plan, survey)
  }

  async unused(of: TopologyOfHost): Promise<readonly UnusedThing[]> {
    const found = await this.#leftovers(of, await this.#look(of))

    return found.map(({ thing, kind, reason, messages }) => ({ thing, kind, reason, messages }))
  }

  async remove(of: TopologyOfHost, things: readonly string[], options: RemoveOptions): Promise<readonly Removal[]> {
    const parts = await this.#look(of)

    return this.#withModel(of, async (model) => {
      const found = new Map((await leftoversIn(model, parts)).map((leftover) => [leftover.thing, leftover]))
      const removals: Removal[] = []
      for (const thing of things) {
        const leftover = found.get(thing)
        removals.push(leftover ? await removeLeftover(model, leftover, parts.survey, options) : kept(thing, 'it is gone, or in use'))
      }
      const still = await this.#still(removals.flatMap(({ isRemoved, thing }) => (isRemoved && !options.dryRun ? (found.get(thing) ?? []) : [])))

      return removals.map((removal) => (still.has(removal.thing) ? kept(removal.thing, anotherType) : removal))
    })
  }

  /** Those bindings with arguments that are there all the same. */
  async #still(removed: readonly Leftover[]): Promise<ReadonlySet<string>> {
    const names = removed.flatMap((one) => (one.kind === 'binding' && Object.keys(one.binding.arguments).length > 0 ? one.thing : []))
    if (names.length === 0) return new Set()
    const { bindings } = await this.#surveyed()
    const there = new Set(bindings.map(foundName))

    return new Set(names.filter((name) => there.has(name)))
  }

  async migrate(of: TopologyOfHost, parts: MigrationParts): Promise<readonly string[]> {
    const found = await this.#look(of)
    const { runtime } = of.host

    return this.#withModel(of, (model) => migrated({ found, model, parts, runtime, look: () => this.#surveyed(), holders: (name) => this.#holders(name) }))
  }

  /** What the vhost has; undefined where its HTTP API is not known. */
  get survey(): (() => Promise<Survey>) | undefined {
    const { management } = this.#options

    return management && (() => management.survey(this.#vhost))
  }

  get #vhost(): string {
    return this.#options.endpoints[0]?.vhost ?? '/'
  }

  /** None where the user of the HTTP API may not know. */
  async #holders(queue: string): Promise<readonly string[]> {
    try {
      return (await this.#options.management?.holders(this.#vhost, queue)) ?? []
    } catch {
      return []
    }
  }

  /** Logs what this app does not need any more, on a connection that stands. Where it cannot look it says that. */
  async tell(of: TopologyOfHost, model: Model): Promise<void> {
    if (!this.#options.management) return
    const { log } = of.host
    try {
      const found = await leftoversIn(model, await this.#look(of))
      if (found.length > 0) log.warn(`At the broker is more than the app needs. \`app.topology.unused()\` lists it:\n${found.map(lineOf).join('\n')}`)
    } catch (error) {
      log.warn(`What is unused at the broker is not known. ${error instanceof Error ? error.message : String(error)}`)
    }
  }

  async #leftovers(of: TopologyOfHost, parts: UnusedParts): Promise<Leftover[]> {
    return this.#withModel(of, (model) => leftoversIn(model, parts))
  }

  async #look({ host, topology }: TopologyOfHost): Promise<UnusedParts> {
    const faults = [...this.#options.faults, ...topology.channels.flatMap(faultsOf)]
    if (faults.length > 0) throw new ConfigError(faults)
    const names = new Names(host.namespace)
    names.learn(topology)

    return { topology, names, plan: planOf(topology, names), survey: await this.#surveyed() }
  }

  #surveyed(): Promise<Survey> {
    const { survey } = this
    if (survey) return survey()
    throw new WaybillError(
      'MANAGEMENT_NEEDED',
      'AMQP lists neither queues nor bindings, so what RabbitMQ has is read from its HTTP API, and rabbitmq() does not know where that is. Give it `management: { url: "http://127.0.0.1:15672" }`.',
    )
  }

  async #withModel<T>({ host }: TopologyOfHost, work: (model: Model) => Promise<T>): Promise<T> {
    const end = new AbortController()
    const model = await this.#open(host, end.signal)
    try {
      return await work(model)
    } finally {
      await closed(model)
      end.abort()
    }
  }

  async #open({ app, runtime }: TransportHost, signal: AbortSignal): Promise<Model> {
    const said: string[] = []
    for (const endpoint of this.#options.endpoints) {
      try {
        const model = await openModel(endpoint.target, {
          ...(await endpoint.socket(runtime, signal)),
          clientProperties: { connection_name: `${app} topology`, product: 'Waybill' },
          signal,
        })
        model.on('error', () => undefined)

        return model
      } catch (error) {
        const refusal = refusalOfConnect(error, endpoint.label, endpoint.vhost)
        if (refusal) throw refusal
        said.push(`"${endpoint.label}": ${reasonOfConnect(error)}`)
      }
    }
    throw new BrokerRefused('NOT_CONNECTED', `RabbitMQ cannot be reached at ${said.join(', ')}. Start it, or mend "url" of rabbitmq().`)
  }
}

const anotherType = 'its arguments have types that the HTTP API does not tell: remove it with the tools of the broker'

function lineOf({ messages, reason, thing }: Leftover): string {
  return `  ${thing}: ${reason}${messages > 0 ? `; ${countOf(messages, 'message waits', 'messages wait')} in it` : ''}.`
}

async function leftoversIn(model: Model, parts: UnusedParts): Promise<Leftover[]> {
  const strangers = strangersOf(parts).map(({ name }) => name)

  return leftoversOf(parts, await statesOf(model, strangers))
}

function closed(model: Model): Promise<void> {
  return new Promise((resolve) => {
    model.once('close', () => resolve())
    try {
      model.close()
    } catch {
      // The driver throws where the connection is gone already, which is what was asked for.
      resolve()
    }
  })
}
