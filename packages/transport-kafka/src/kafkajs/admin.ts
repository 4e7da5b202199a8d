import type { Admin } from 'kafkajs'
import type { ClusterAdmin, NewTopic, TopicShape } from '../driver.js'

/** kafkajs' word for topics among what has a configuration; Node does not see it as an export. */
const topicResource = 2

/** What is made and asked about topics and groups, by the admin of kafkajs. */
export class KafkajsAdmin implements ClusterAdmin {
  readonly #admin: Admin

  constructor(admin: Admin) {
    this.#admin = admin
  }

  connect(): Promise<void> {
    return this.#admin.connect()
  }

  async describe(): Promise<{ readonly id: string; readonly brokers: number }> {
    const { clusterId, brokers } = await this.#admin.describeCluster()

    return { id: clusterId, brokers: brokers.length }
  }

  /** Asked by name, one that is missing would fail all. */
  async topics(): Promise<readonly TopicShape[]> {
    const { topics } = await this.#admin.fetchTopicMetadata()

    return topics.map(({ name, partitions }) => ({ name, partitions: partitions.length, replicas: partitions[0]?.replicas.length }))
  }

  async createTopics(wanted: readonly NewTopic[]): Promise<void> {
    const topics = wanted.map(({ topic, partitions, replication, settings }) => ({
      topic,
      numPartitions: partitions,
      replicationFactor: replication,
      configEntries: Object.entries(settings).map(([name, value]) => ({ name, value })),
    }))
    await this.#admin.createTopics({ topics, waitForLeaders: false })
  }

  async growTopic(topic: string, partitions: number): Promise<void> {
    await this.#admin.createPartitions({ topicPartitions: [{ topic, count: partitions }] })
  }

  async settings(topic: string, names: readonly string[]): Promise<ReadonlyMap<string, string>> {
    const { resources } = await this.#admin.describeConfigs({ includeSynonyms: false, resources: [{ type: topicResource, name: topic, configNames: [...names] }] })

    return new Map((resources[0]?.configEntries ?? []).map(({ configName, configValue }) => [configName, configValue]))
  }

  async deleteRecords(topic: string, before: number): Promise<void> {
    await this.#admin.deleteTopicRecords({ topic, partitions: [{ partition: 0, offset: String(before) }] })
  }

  async deleteGroups(groups: readonly string[]): Promise<void> {
    await this.#admin.deleteGroups([...groups])
  }

  close(): Promise<void> {
    return this.#admin.disconnect()
  }
}
