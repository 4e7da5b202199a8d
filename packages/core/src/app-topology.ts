import type { Duration } from './duration.js'
import { ConfigError, WaybillError } from './error.js'
import type { Fault } from './fault.js'
import type { Link } from './link.js'
import { durationOf, faultOfDuration } from './option.js'
import type { AppTopology } from './topology.js'
import type { MigrationProgress, Removal, RemoveOptions, TopologyAccess, TopologyDifference, TopologyOfHost, UnusedThing } from './topology-access.js'
import type { TransportHost } from './transport.js'

/** Says on which of the app's transports something was found. */
export type OnTransport<T> = T & { readonly transport: string }

/**
 * An app's topology as data, and compared with what its brokers have. The data is known before `start`; what asks a broker connects by itself, so it works without `start`
 * too, and with an app that does not start. Rejects with `TOPOLOGY_UNSEEN` where a transport of the app cannot look.
 */
export interface LiveTopology extends AppTopology {
  /** Everything at the brokers that is not as the app states it, in one list. Changes nothing. */
  difference(): Promise<readonly OnTransport<TopologyDifference>[]>
  /**
   * What is left on the app's channels from listeners that are gone: queues, and bindings of queues that are in use. An app that is stopped leaves its queues looking the same,
   * so read the list before any of it is removed. Queues of dead letters are never in it. Changes nothing.
   */
  unused(): Promise<readonly OnTransport<UnusedThing>[]>
  /**
   * Removes things of that list, as far as they are still unused, and resolves with what became of each. Queues in which messages wait are kept,
   * unless `withMessages` says otherwise; with `dryRun` everything is.
   */
  remove(things: readonly OnTransport<{ readonly thing: string }>[], options?: RemoveOptions): Promise<readonly OnTransport<Removal>[]>
  /**
   * Moves queues whose arguments differ to those that the app states, and spreads keys over another number of `partitions`, while their consumers go on. Resolves with what was moved. Nothing is lost and no key is inverted. It waits until
   * what is in a queue has been taken, and rejects with `MIGRATION_STALLED` where that does not go on. Cut off at any point, it goes on where it stood when it is called again; until then
   * consumers of that queue may have to wait.
   */
  migrate(options?: MigrateOptions): Promise<readonly OnTransport<{ readonly thing: string }>[]>
}

export interface MigrateOptions {
  /** Called before each step, and again and again while one waits. What it throws ends the move there. */
  readonly onProgress?: (progress: MigrationProgress) => unknown
  /** When nothing has changed for so long, the call rejects with `MIGRATION_STALLED` and what it waits for. Longer than any listener runs. Default: 2m. */
  readonly patience?: Duration
}

export interface LiveTopologyParts {
  readonly faults: readonly Fault[]
  readonly links: readonly Link[]
  readonly host: TransportHost
  readonly asksOn: (link: Link) => boolean
}

interface Place {
  readonly name: string
  readonly access: TopologyAccess
  readonly of: TopologyOfHost
}

export class BrokerTopology implements LiveTopology {
  readonly channels: AppTopology['channels']
  readonly messages: AppTopology['messages']
  readonly #parts: LiveTopologyParts

  constructor({ channels, messages }: AppTopology, parts: LiveTopologyParts) {
    this.channels = channels
    this.messages = messages
    this.#parts = parts
  }

  async difference(): Promise<readonly OnTransport<TopologyDifference>[]> {
    return this.#each('difference', ({ access, of }) => access.difference(of))
  }

  async unused(): Promise<readonly OnTransport<UnusedThing>[]> {
    return this.#each('unused', ({ access, of }) => access.unused(of))
  }

  async remove(things: readonly OnTransport<{ readonly thing: string }>[], options: RemoveOptions = {}): Promise<readonly OnTransport<Removal>[]> {
    const named = new Map<string, string[]>()
    for (const { thing, transport } of things) named.set(transport, [...(named.get(transport) ?? []), thing])

    return this.#each(
      'remove',
      ({ access, name, of }) => access.remove(of, named.get(name) ?? [], options),
      (name) => named.has(name),
    )
  }

  async migrate({ onProgress = () => undefined, patience = '2m' }: MigrateOptions = {}): Promise<readonly OnTransport<{ readonly thing: string }>[]> {
    const patienceMs = durationOf(patience)
    if (patienceMs === undefined) throw new WaybillError('DURATION', faultOfDuration('patience', patience))

    return this.#each('migrate', async ({ access, of }) => (await access.migrate(of, { told: onProgress, patienceMs })).map((thing) => ({ thing })))
  }

  async #each<T>(verb: string, ask: (place: Place) => Promise<readonly T[]>, isMeant: (name: string) => boolean = () => true): Promise<readonly OnTransport<T>[]> {
    if (this.#parts.faults.length > 0) throw new ConfigError(this.#parts.faults)
    const places = this.#parts.links.filter(({ name }) => isMeant(name)).map((link) => this.#place(link, verb))
    const found = await Promise.all(places.map(async (place) => (await ask(place)).map((one) => ({ ...one, transport: place.name }))))

    return found.flat()
  }

  #place(link: Link, verb: string): Place {
    const { topology } = link.transport
    const { asksOn, host } = this.#parts
    if (!topology) {
      throw new WaybillError(
        'TOPOLOGY_UNSEEN',
        `app.topology.${verb}() has to look at the broker of "${link.name}", and the transport "${link.transport.name}" cannot. ` +
          'A transport that can is rabbitmq() with `management`; look at this broker with its own tools.',
      )
    }
    const channels = this.channels.filter(({ transport }) => transport === link.name)

    return { name: link.name, access: topology, of: { host, topology: { channels, asks: asksOn(link) } } }
  }
}
