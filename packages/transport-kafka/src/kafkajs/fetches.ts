import type { Broker, Cluster } from 'kafkajs'
import type { FetchRequest } from './cluster.js'
import { dropRequests } from './cluster.js'

/** What the brokers of one consumer are asked to fetch goes through `fetch`, until it ends. */
export class Fetches {
  readonly #fetch: (broker: Broker, request: FetchRequest) => Promise<unknown>
  readonly #waiting = new Map<() => void, Broker>()
  #isEnded = false

  constructor(cluster: Cluster, fetch: (broker: Broker, request: FetchRequest) => Promise<unknown>) {
    this.#fetch = fetch
    this.#tap(cluster)
  }

  /** From now on a fetch brings nothing, at once, and so does the one that waits at its broker. */
  end(): void {
    this.#isEnded = true
    for (const giveUp of this.#waiting.keys()) giveUp()
  }

  /** kafkajs closes no connection before all that it asked is answered, though nobody waits for the answer of a fetch that has ended. */
  drop(): void {
    for (const broker of this.#waiting.values()) dropRequests(broker)
  }

  /** Everything but the fetch is inherited. */
  #tap(cluster: Cluster): void {
    const tapped = new WeakMap<Broker, Broker>()
    const findBroker = cluster.findBroker.bind(cluster)
    cluster.findBroker = async (node) => {
      const broker = await findBroker(node)
      const known = tapped.get(broker)
      if (known) return known
      const ours = Object.create(broker) as Broker
      ours.fetch = (request) => this.#answer(broker, request)
      tapped.set(broker, ours)

      return ours
    }
  }

  #answer(broker: Broker, request: FetchRequest): Promise<unknown> {
    const nothing = { responses: [] }
    if (this.#isEnded) return Promise.resolve(nothing)

    return new Promise((resolve, reject) => {
      const giveUp = (): void => resolve(nothing)
      this.#waiting.set(giveUp, broker)
      this.#fetch(broker, request)
        .finally(() => this.#waiting.delete(giveUp))
        .then(resolve, reject)
    })
  }
}
