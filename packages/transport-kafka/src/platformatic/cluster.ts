import { BrokerRefused } from '@waybill/core'
import { codeOf } from '../broker-error.js'
import { pause } from '../pause.js'
import type { Address, BrokerOptions } from './broker.js'
import { Broker } from './broker.js'
import type { Library, MetadataResponse } from './library.js'
import { BrokerAnswer } from './told.js'

const patienceMs = 5_000
const pauseMs = 100
const groupCoordinator = 0
const unknownTopic = 3
const noLeader = 'LEADER_NOT_AVAILABLE'
const noCoordinator = 'COORDINATOR_NOT_AVAILABLE'
const unknownError = 'UNKNOWN_SERVER_ERROR'

/** A coordinator that changes, or is not ready yet. */
const coordinatorMoves: ReadonlySet<string> = new Set(['COORDINATOR_NOT_AVAILABLE', 'COORDINATOR_LOAD_IN_PROGRESS', 'NOT_COORDINATOR'])

/** Connections to the brokers of a cluster, one to each for each purpose, and what is known of them. */
export class PlatformaticCluster {
  readonly #to: BrokerOptions
  readonly #brokers = new Map<string, Promise<Broker>>()
  readonly #leaders = new Map<string, ReadonlyMap<number, number>>()
  readonly #coordinators = new Map<string, Address>()
  #nodes = new Map<number, Address>()
  #controller = -1
  #isClosed = false
  readonly #onClosed: () => void

  constructor(to: BrokerOptions, onClosed: () => void = () => {}) {
    this.#to = to
    this.#onClosed = onClosed
  }

  get to(): BrokerOptions {
    return this.#to
  }

  /** Rejects where the brokers are too old for what is asked of them. */
  async checkVersions(): Promise<void> {
    const { library } = this.#to
    const broker = await this.any()
    const { apiKeys } = await broker.call(library.apiVersionsV3, ['waybill', '1'])
    const known = new Map(apiKeys.map(({ apiKey, maxVersion }) => [apiKey, maxVersion]))
    const missing = needed(library).find(({ api }) => (known.get(api.key) ?? -1) < api.version)
    if (!missing) return
    throw new BrokerRefused(
      'KAFKA_TOO_OLD',
      `The brokers were expected to take request ${missing.api.key} in version ${missing.api.version} and know it up to ${known.get(missing.api.key) ?? 'none'}. Install Kafka 3.6 or later, or leave the driver out to use kafkajs.`,
    )
  }

  /** Of these topics, or of all that this user may see. What is wrong with one of them stands beside it. */
  async metadata(topics: readonly string[] | null): Promise<MetadataResponse> {
    const broker = await this.any()
    const found = await this.#tolerant(broker, topics)
    this.#nodes = new Map(found.brokers.map(({ nodeId, host, port }) => [nodeId, { host, port }]))
    this.#controller = found.controllerId

    return found
  }

  /** The numbers of a topic's partitions. */
  async learn(topic: string): Promise<readonly number[]> {
    const known = this.#leaders.get(topic)

    return known ? [...known.keys()] : this.relearn(topic)
  }

  /** The same, asked anew. What is known stays where nobody answers. */
  async relearn(topic: string): Promise<readonly number[]> {
    const { topics } = await this.metadata([topic])
    const [found] = topics
    if (found?.errorCode !== 0) throw this.answer(found?.errorCode ?? unknownTopic)
    const leaders = new Map(found.partitions.map(({ partitionIndex, leaderId }) => [partitionIndex, leaderId] as const).sort(([a], [b]) => a - b))
    this.#leaders.set(topic, leaders)

    return [...leaders.keys()]
  }

  /** What is known about a topic may be wrong. */
  forget(topic: string): void {
    this.#leaders.delete(topic)
  }

  leaderId(topic: string, partition: number): number {
    return this.#leaders.get(topic)?.get(partition) ?? -1
  }

  async leaderOf(topic: string, partition: number): Promise<Broker> {
    await this.learn(topic)
    const id = this.leaderId(topic, partition)
    if (!this.#nodes.has(id)) throw new BrokerAnswer({ type: noLeader, message: `nobody is known to lead partition ${partition} of "${topic}"` })

    return this.node(id)
  }

  async controller(): Promise<Broker> {
    await this.metadata([])
    try {
      return await this.node(this.#controller)
    } catch {
      // It has just gone, and the others do not say so yet; each of them passes on what is for the next one.
      return this.any()
    }
  }

  /** The broker of a group. */
  async coordinator(group: string, purpose = 'group'): Promise<Broker> {
    const address = this.#coordinators.get(group) ?? (await this.#findCoordinator(group))
    try {
      return await this.#broker(address, purpose)
    } catch (error) {
      this.#coordinators.delete(group)
      throw error
    }
  }

  forgetCoordinator(group: string): void {
    this.#coordinators.delete(group)
  }

  /** At the broker of a group, whichever that is in the end. */
  async atCoordinator<T>(group: string, work: (broker: Broker) => Promise<T>): Promise<T> {
    const { runtime } = this.#to
    const end = runtime.elapsed() + patienceMs
    for (;;) {
      try {
        return await work(await this.coordinator(group))
      } catch (error) {
        if (!coordinatorMoves.has(codeOf(error)) || runtime.elapsed() > end || this.#isClosed) throw error
      }
      this.#coordinators.delete(group)
      await pause(runtime, pauseMs)
    }
  }

  node(id: number, purpose = 'any'): Promise<Broker> {
    const address = this.#nodes.get(id)
    if (!address) return Promise.reject(new BrokerAnswer({ type: noLeader, message: `node ${id} is not known any more` }))

    return this.#broker(address, purpose)
  }

  /** One that answers, of those that are known. */
  async any(): Promise<Broker> {
    let lost: unknown
    const seen = new Set<string>()
    for (const address of [...this.#nodes.values(), ...this.#to.options.brokers.map(addressOf)]) {
      const name = `${address.host}:${address.port}`
      if (seen.has(name)) continue
      seen.add(name)
      try {
        return await this.#broker(address, 'any')
      } catch (error) {
        lost = error
      }
    }
    throw lost
  }

  /** A number that a broker gave, in Kafka's words. */
  answer(code: number): BrokerAnswer {
    const { protocolErrors, protocolErrorsCodesById } = this.#to.library
    const id = protocolErrorsCodesById[code] ?? unknownError

    return new BrokerAnswer({ type: id, message: protocolErrors[id]?.message ?? `Kafka's error number ${code}` })
  }

  /** What is asked and not answered is rejected; nothing is opened any more. */
  close(): void {
    this.#isClosed = true
    for (const broker of this.#brokers.values()) void broker.then((open) => open.close(), ignore)
    this.#brokers.clear()
    this.#onClosed()
  }

  async #tolerant(broker: Broker, topics: readonly string[] | null): Promise<MetadataResponse> {
    try {
      return await broker.call(this.#to.library.metadataV12, [topics === null ? null : [...topics], false, false])
    } catch (error) {
      if (error instanceof BrokerAnswer && error.response !== undefined) return error.response as MetadataResponse
      throw error
    }
  }

  async #findCoordinator(group: string): Promise<Address> {
    const broker = await this.any()
    const { coordinators } = await broker.call(this.#to.library.findCoordinatorV4, [groupCoordinator, [group]])
    const [found] = coordinators
    if (!found) throw new BrokerAnswer({ type: noCoordinator, message: `the group "${group}" has no coordinator` })
    const address = { host: found.host, port: found.port }
    this.#coordinators.set(group, address)

    return address
  }

  async #broker(address: Address, purpose: string): Promise<Broker> {
    if (this.#isClosed) throw new BrokerRefused('TRANSPORT_CLOSED', 'the transport is closed')
    const key = `${purpose} ${address.host}:${address.port}`
    const known = this.#brokers.get(key)
    if (known) {
      const broker = await known
      if (broker.isOpen) return broker
      if (this.#brokers.get(key) === known) this.#brokers.delete(key)

      return this.#broker(address, purpose)
    }
    const opening = Broker.open(address, this.#to)
    this.#brokers.set(key, opening)
    const forget = (): void => void (this.#brokers.get(key) === opening && this.#brokers.delete(key))
    opening.then((broker) => {
      broker.onClosed(forget)
      if (!broker.isOpen) forget()
      if (this.#isClosed) broker.close()
    }, forget)

    return opening
  }
}

function needed(library: Library): readonly { readonly api: { readonly key: number; readonly version: number } }[] {
  const { metadataV12, findCoordinatorV4, joinGroupV9, listOffsetsV8, offsetFetchV8, createTopicsV7 } = library

  return [metadataV12, findCoordinatorV4, joinGroupV9, listOffsetsV8, offsetFetchV8, createTopicsV7]
}

function addressOf(broker: string): Address {
  const at = broker.lastIndexOf(':')

  return { host: broker.slice(0, at), port: Number(broker.slice(at + 1)) }
}

function ignore(): void {
  // It never stood.
}
