import { BrokerRefused } from '@waybill/core'
import type { Assignment, Broker, Cluster, Kafka } from 'kafkajs'
import { codeOf } from './broker-error.js'
import { openCluster } from './cluster.js'
import type { StoredRecord } from './wire.js'

const fetchBytes = 4 * 1024 * 1024
const earliest = 'earliest'

/** Where a group stands in a partition, and the note that it left there. */
export interface Mark {
  readonly offset: number | undefined
  readonly note: string
}

/** What kafkajs answers and does not describe. */
interface FetchAnswer {
  readonly responses: readonly { readonly partitions: readonly { readonly highWatermark: string; readonly messages: readonly FetchedRecord[] }[] }[]
}
interface FetchedRecord extends StoredRecord {
  readonly isControlRecord?: boolean
}
interface MarkAnswer {
  readonly responses: readonly {
    readonly topic: string
    readonly partitions: readonly { readonly partition: number; readonly offset: string; readonly metadata?: string | null }[]
  }[]
}
/** What a broker of kafkajs can do and its types do not say. */
interface Coordinator extends Broker {
  leaveGroup(request: { readonly groupId: string; readonly memberId: string }): Promise<unknown>
}

/** Reads partitions and marks without joining a group: a join takes seconds, and kafkajs has no `assign()`. */
export class LogReader {
  readonly #cluster: Cluster

  constructor(kafka: Kafka) {
    this.#cluster = openCluster(kafka)
  }

  /** The records of partition 0 from `from` on, as many as one fetch brings; empty at the end. */
  async read(topic: string, from: number): Promise<readonly StoredRecord[]> {
    const leader = await this.#leaderOf(topic)
    const partitions = [{ partition: 0, fetchOffset: String(from), maxBytes: fetchBytes }]
    const answer = (await leader.fetch({ maxWaitTime: 0, minBytes: 0, isolationLevel: 1, topics: [{ topic, partitions }] })) as FetchAnswer
    const records = answer.responses[0]?.partitions[0]?.messages ?? []

    return records.filter(({ offset, isControlRecord }) => Number(offset) >= from && isControlRecord !== true)
  }

  /** The first offset of partition 0 that still exists. */
  async begin(topic: string): Promise<number> {
    return this.#offset(topic, 0, earliest)
  }

  async mark(group: string, topic: string): Promise<Mark> {
    await this.#ready(topic)
    const coordinator = await this.#cluster.findGroupCoordinator({ groupId: group })
    const topics = [{ topic, partitions: [{ partition: 0, offset: '0' }] }]
    const answer = (await coordinator.offsetFetch({ groupId: group, topics })) as MarkAnswer
    const found = answer.responses[0]?.partitions[0]
    const offset = Number(found?.offset ?? -1)

    return { offset: offset < 0 ? undefined : offset, note: found?.metadata ?? '' }
  }

  /** What the members of a group left beside their commits. */
  async notes(group: string, assignment: Assignment): Promise<readonly { readonly topic: string; readonly partition: number; readonly note: string }[]> {
    await this.#connect()
    const coordinator = await this.#cluster.findGroupCoordinator({ groupId: group })
    const topics = Object.entries(assignment).map(([topic, partitions]) => ({ topic, partitions: partitions.map((partition) => ({ partition, offset: '0' })) }))
    const answer = (await coordinator.offsetFetch({ groupId: group, topics })) as MarkAnswer

    return answer.responses.flatMap(({ topic, partitions }) => partitions.map(({ partition, metadata }) => ({ topic, partition, note: metadata ?? '' })))
  }

  /** Ends a membership whose connection died: the broker would wait for that member until its session is over. */
  async leave(groupId: string, memberId: string): Promise<void> {
    await this.#connect()
    const coordinator = (await this.#cluster.findGroupCoordinator({ groupId })) as Coordinator
    await coordinator.leaveGroup({ groupId, memberId })
  }

  /** Moves a mark of a group that has no members. */
  async setMark(group: string, topic: string, { offset, note }: { readonly offset: number; readonly note: string }): Promise<void> {
    await this.#commit(group, topic, [{ partition: 0, offset: String(offset), metadata: note }])
  }

  /** Lets a group that has no members begin behind everything that is there now. */
  async skipToEnd(group: string, topic: string): Promise<void> {
    await this.#ready(topic)
    const found = this.#cluster.findTopicPartitionMetadata(topic).map(({ partitionId }) => partitionId)
    const ends = await Promise.all(found.map(async (partition) => ({ partition, offset: String(await this.#offset(topic, partition, 'latest')), metadata: '' })))
    await this.#commit(group, topic, ends)
  }

  async close(): Promise<void> {
    await this.#cluster.disconnect()
  }

  async #commit(group: string, topic: string, partitions: { partition: number; offset: string; metadata: string }[]): Promise<void> {
    await this.#ready(topic)
    const coordinator = await this.#cluster.findGroupCoordinator({ groupId: group })
    await coordinator.offsetCommit({ groupId: group, groupGenerationId: -1, memberId: '', topics: [{ topic, partitions }] })
  }

  async #offset(topic: string, partition: number, where: 'earliest' | 'latest'): Promise<number> {
    await this.#ready(topic)
    const [found] = await this.#cluster.fetchTopicsOffset([{ topic, partitions: [{ partition }], fromBeginning: where === earliest }])

    return Number(found?.partitions[0]?.offset ?? 0)
  }

  async #leaderOf(topic: string): Promise<Broker> {
    await this.#ready(topic)
    const [nodeId] = Object.keys(this.#cluster.findLeaderForPartitions(topic, [0]))
    if (nodeId === undefined) throw new BrokerRefused('TOPIC_MISSING', `The topic "${topic}" was expected to have a leader and has none. Look at the cluster.`)

    return this.#cluster.findBroker({ nodeId })
  }

  async #ready(topic: string): Promise<void> {
    try {
      await this.#connect()
      await this.#cluster.addTargetTopic(topic)
      await this.#cluster.refreshMetadataIfNecessary()
    } catch (error) {
      if (codeOf(error) !== 'UNKNOWN_TOPIC_OR_PARTITION') throw error
      throw new BrokerRefused('TOPIC_MISSING', `The topic "${topic}" was expected and the broker has none of that name. Start an app that declares its group first.`, {
        cause: error,
      })
    }
  }

  async #connect(): Promise<void> {
    await this.#cluster.connect()
  }
}
