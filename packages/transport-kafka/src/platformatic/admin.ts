import type { ClusterAdmin, NewTopic, TopicShape } from '../driver.js'
import type { PlatformaticCluster } from './cluster.js'
import { BrokerAnswer } from './told.js'

/** Kafka's number for topics among what has a configuration. */
const topicResource = 2
const topicExists = 36

/** What is made and asked about topics and groups. */
export class PlatformaticAdmin implements ClusterAdmin {
  readonly #cluster: PlatformaticCluster

  constructor(cluster: PlatformaticCluster) {
    this.#cluster = cluster
  }

  async connect(): Promise<void> {
    await this.#cluster.checkVersions()
  }

  async describe(): Promise<{ readonly id: string; readonly brokers: number }> {
    const { clusterId, brokers } = await this.#cluster.metadata([])

    return { id: clusterId ?? 'without a name', brokers: brokers.length }
  }

  async topics(): Promise<readonly TopicShape[]> {
    const { topics } = await this.#cluster.metadata(null)

    return topics
      .filter(({ errorCode, name }) => errorCode === 0 && name !== null)
      .map(({ name, partitions }) => ({ name: String(name), partitions: partitions.length, replicas: partitions[0]?.replicaNodes.length }))
  }

  async createTopics(wanted: readonly NewTopic[]): Promise<void> {
    const topics = wanted.map(({ topic, partitions, replication, settings }) => ({
      name: topic,
      numPartitions: partitions,
      replicationFactor: replication,
      assignments: [],
      configs: Object.entries(settings).map(([name, value]) => ({ name, value })),
    }))
    const { library, options } = this.#cluster.to
    const broker = await this.#cluster.controller()
    try {
      await broker.call(library.createTopicsV7, [topics, options.requestTimeoutMs, false])
    } catch (error) {
      throw error instanceof BrokerAnswer ? this.#refusals(error) : error
    }
  }

  async growTopic(topic: string, partitions: number): Promise<void> {
    const { library, options } = this.#cluster.to
    const broker = await this.#cluster.controller()
    await broker.call(library.createPartitionsV3, [[{ name: topic, count: partitions, assignments: [] }], options.requestTimeoutMs, false])
  }

  async settings(topic: string, names: readonly string[]): Promise<ReadonlyMap<string, string>> {
    const broker = await this.#cluster.any()
    const asked = { resourceType: topicResource, resourceName: topic, configurationKeys: [...names] }
    const { results } = await broker.call(this.#cluster.to.library.describeConfigsV4, [[asked], false, false])

    return new Map((results[0]?.configs ?? []).map(({ name, value }) => [name, value ?? '']))
  }

  async deleteRecords(topic: string, before: number): Promise<void> {
    const { library, options } = this.#cluster.to
    const broker = await this.#cluster.leaderOf(topic, 0)
    await broker.call(library.deleteRecordsV2, [[{ name: topic, partitions: [{ partitionIndex: 0, offset: BigInt(before) }] }], options.requestTimeoutMs])
  }

  async deleteGroups(groups: readonly string[]): Promise<void> {
    for (const group of groups) await this.#cluster.atCoordinator(group, (broker) => broker.call(this.#cluster.to.library.deleteGroupsV2, [[group]]))
  }

  async close(): Promise<void> {
    this.#cluster.close()
  }

  /** One error for each topic that was not made. */
  #refusals({ message, response }: BrokerAnswer): Error {
    const { topics } = response as { readonly topics: readonly { readonly name: string; readonly errorCode: number; readonly errorMessage: string | null }[] }
    const refused = topics.filter(({ errorCode }) => errorCode !== 0)
    const errors = refused.map(({ name, errorCode, errorMessage }) => {
      const { type, message: words } = this.#cluster.answer(errorCode)

      return Object.assign(new BrokerAnswer({ type, message: errorCode === topicExists ? words : (errorMessage ?? words) }), { topic: name })
    })

    return new AggregateError(errors, message)
  }
}
