import { BrokerRefused } from '@waybill/core'
import type { Broker, Cluster, Kafka } from 'kafkajs'
import { codeOf, verdictOf } from '../broker-error.js'
import type { Assignment, LogClient, NewMark, PartitionMark, Place, TopicPartition } from '../driver.js'
import type { Codecs } from '../fetch-answer.js'
import { readable } from '../fetch-answer.js'
import type { LogBatch } from '../log-batch.js'
import { driverCodecs } from './codecs.js'
import { fetchBatches, learnTopic, openCluster, refreshTopic } from './cluster.js'

const fetchBytes = 4 * 1024 * 1024
const groupCoordinator = 0

/** What kafkajs answers and does not describe. */
interface MarkAnswer {
  readonly responses: readonly {
    readonly topic: string
    readonly partitions: readonly { readonly partition: number; readonly offset: string; readonly metadata?: string | null }[]
  }[]
}
/** What a broker of kafkajs can do and its types do not say. */
interface Coordinator extends Broker {
  findGroupCoordinator(request: { readonly groupId: string; readonly coordinatorType: number }): Promise<unknown>
  leaveGroup(request: { readonly groupId: string; readonly memberId: string }): Promise<unknown>
}

/** A cluster of kafkajs of its own: a join takes seconds, and kafkajs has no `assign()`. */
export class KafkajsLog implements LogClient {
  readonly #cluster: Cluster
  readonly #codecs: Codecs

  constructor(kafka: Kafka, codecs: Codecs = driverCodecs) {
    this.#cluster = openCluster(kafka)
    this.#codecs = codecs
  }

  async partitions(topic: string): Promise<readonly number[]> {
    await this.#connect()
    await learnTopic(this.#cluster, topic)

    return this.#cluster.findTopicPartitionMetadata(topic).map(({ partitionId }) => partitionId)
  }

  refresh(topic: string): Promise<void> {
    return refreshTopic(this.#cluster, topic)
  }

  async fetch({ topic, partition }: TopicPartition, from: number): Promise<readonly LogBatch[]> {
    const leader = await this.#leaderOf(topic, partition)
    const partitions = [{ partition, fetchOffset: String(from), maxBytes: fetchBytes }]
    const { responses } = await fetchBatches(leader, { maxWaitTime: 0, minBytes: 0, isolationLevel: 1, topics: [{ topic, partitions }] }, this.#codecs)

    const found = responses[0]?.partitions[0]

    return found ? readable(found) : []
  }

  async offsets(topic: string, partitions: readonly number[], where: Place): Promise<Map<number, number>> {
    const asked = { topic, partitions: partitions.map((partition) => ({ partition })) }
    const [found] = await this.#cluster.fetchTopicsOffset([where instanceof Date ? { ...asked, fromTimestamp: where.getTime() } : { ...asked, fromBeginning: where === 'first' }])

    return new Map((found?.partitions ?? []).map(({ partition, offset }) => [partition, Number(offset)]))
  }

  async marks(group: string, assignment: Assignment): Promise<readonly PartitionMark[]> {
    await this.#connect()
    const coordinator = await this.#cluster.findGroupCoordinator({ groupId: group })
    const topics = Object.entries(assignment).map(([topic, partitions]) => ({ topic, partitions: partitions.map((partition) => ({ partition, offset: '0' })) }))
    const answer = (await coordinator.offsetFetch({ groupId: group, topics })) as MarkAnswer

    return answer.responses.flatMap(({ topic, partitions }) =>
      partitions.map(({ partition, offset, metadata }) => ({ topic, partition, offset: Number(offset) < 0 ? undefined : Number(offset), note: metadata ?? '' })),
    )
  }

  async commit(group: string, topic: string, marks: readonly NewMark[]): Promise<void> {
    const coordinator = await this.#cluster.findGroupCoordinator({ groupId: group })
    const partitions = marks.map(({ partition, offset, note }) => ({ partition, offset: String(offset), metadata: note }))
    await coordinator.offsetCommit({ groupId: group, groupGenerationId: -1, memberId: '', topics: [{ topic, partitions }] })
  }

  async leave(group: string, memberId: string): Promise<void> {
    await this.#connect()
    const coordinator = (await this.#cluster.findGroupCoordinator({ groupId: group })) as Coordinator
    await coordinator.leaveGroup({ groupId: group, memberId })
  }

  /** kafkajs says "not found" whatever a broker said of the group's coordinator. */
  async whyLost(group: string, error: unknown): Promise<unknown> {
    if (codeOf(error) !== 'KafkaJSGroupCoordinatorNotFound') return error
    try {
      await this.#connect()
      await this.#cluster.refreshMetadataIfNecessary()
      const broker = (await this.#cluster.findControllerBroker()) as Coordinator
      await broker.findGroupCoordinator({ groupId: group, coordinatorType: groupCoordinator })
    } catch (refusal) {
      return verdictOf(refusal) === 'refused' ? refusal : error
    }

    return error
  }

  async close(): Promise<void> {
    await this.#cluster.disconnect()
  }

  async #leaderOf(topic: string, partition: number): Promise<Broker> {
    const [nodeId] = Object.keys(this.#cluster.findLeaderForPartitions(topic, [partition]))
    if (nodeId === undefined) throw new BrokerRefused('TOPIC_MISSING', `The topic "${topic}" was expected to have a leader and has none. Look at the cluster.`)

    return this.#cluster.findBroker({ nodeId })
  }

  /** kafkajs finds a coordinator through the brokers it knows; where it knows none, it learns them and pauses before it asks again. */
  async #connect(): Promise<void> {
    await this.#cluster.connect()
    if (this.#cluster.getNodeIds().length === 0) await this.#cluster.refreshMetadata()
  }
}
