import type { Runtime } from '@waybill/core'
import { BrokerRefused } from '@waybill/core'
import type { Assignment, Broker, Cluster, Kafka } from 'kafkajs'
import { codeOf, verdictOf } from './broker-error.js'
import { fetchBatches, learnTopic, openCluster, refreshTopic } from './cluster.js'
import type { LogRecord } from './log-record.js'
import { pause } from './pause.js'

const fetchBytes = 4 * 1024 * 1024
const patienceMs = 5_000
const pauseMs = 100
const groupCoordinator = 0

/** Where a group stands in a partition, and the note that it left there. */
export interface Mark {
  readonly offset: number | undefined
  readonly note: string
}

/** A moment, or an end of the log. */
export type Place = 'first' | 'last' | Date

export interface TopicPartition {
  readonly topic: string
  readonly partition: number
}

export interface PartitionMark extends TopicPartition, Mark {}

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

/** Reads partitions and marks without joining a group: a join takes seconds, and kafkajs has no `assign()`. */
export class LogReader {
  readonly #cluster: Cluster
  readonly #runtime: Runtime

  constructor(kafka: Kafka, runtime: Runtime) {
    this.#cluster = openCluster(kafka)
    this.#runtime = runtime
  }

  /** The records of a partition from `from` on, as many as one fetch brings; empty at the end. */
  async read(of: TopicPartition, from: number): Promise<readonly LogRecord[]> {
    return this.#patiently(of.topic, () => this.#read(of, from))
  }

  /** The first offset of partition 0 that still exists. */
  async begin(topic: string): Promise<number> {
    return (await this.offsets(topic, [0], 'first')).get(0) ?? 0
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

  /** Where a group stands in its partitions. */
  async marks(group: string, assignment: Assignment): Promise<readonly PartitionMark[]> {
    await this.#connect()
    const coordinator = await this.#cluster.findGroupCoordinator({ groupId: group })
    const topics = Object.entries(assignment).map(([topic, partitions]) => ({ topic, partitions: partitions.map((partition) => ({ partition, offset: '0' })) }))
    const answer = (await coordinator.offsetFetch({ groupId: group, topics })) as MarkAnswer

    return answer.responses.flatMap(({ topic, partitions }) =>
      partitions.map(({ partition, offset, metadata }) => ({ topic, partition, offset: Number(offset) < 0 ? undefined : Number(offset), note: metadata ?? '' })),
    )
  }

  /** Where partitions end, for those who read only what is committed. */
  async ends<P extends TopicPartition>(partitions: readonly P[]): Promise<ReadonlyMap<P, number>> {
    const ends = new Map<P, number>()
    for (const topic of new Set(partitions.map((partition) => partition.topic))) {
      const own = partitions.filter((partition) => partition.topic === topic)
      const offsets = await this.offsets(
        topic,
        own.map(({ partition }) => partition),
        'last',
      )
      for (const partition of own) ends.set(partition, offsets.get(partition.partition) ?? 0)
    }

    return ends
  }

  /** The numbers of a topic's partitions. */
  async partitions(topic: string): Promise<readonly number[]> {
    await this.#ready(topic)

    return this.#cluster.findTopicPartitionMetadata(topic).map(({ partitionId }) => partitionId)
  }

  /** The first offset of each partition that is kept, or behind the last one, or the first that was stored at that moment or later. */
  async offsets(topic: string, partitions: readonly number[], where: Place): Promise<ReadonlyMap<number, number>> {
    return this.#patiently(topic, () => this.#offsets(topic, partitions, where))
  }

  /** kafkajs says "not found" whatever a broker said of the group's coordinator. Never rejects. */
  async whyUncoordinated(groupId: string, otherwise: unknown): Promise<unknown> {
    try {
      await this.#connect()
      await this.#cluster.refreshMetadataIfNecessary()
      const broker = (await this.#cluster.findControllerBroker()) as Coordinator
      await broker.findGroupCoordinator({ groupId, coordinatorType: groupCoordinator })
    } catch (error) {
      return verdictOf(error) === 'refused' ? error : otherwise
    }

    return otherwise
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

  /** Moves the marks of several partitions of a group that has no members. */
  async setMarks(group: string, topic: string, offsets: ReadonlyMap<number, number>): Promise<void> {
    await this.#commit(
      group,
      topic,
      [...offsets].map(([partition, offset]) => ({ partition, offset: String(offset), metadata: '' })),
    )
  }

  /** Lets a group that has no members begin behind everything that is there now. */
  async skipToEnd(group: string, topic: string): Promise<void> {
    const ends = await this.offsets(topic, await this.partitions(topic), 'last')
    await this.setMarks(group, topic, ends)
  }

  async close(): Promise<void> {
    await this.#cluster.disconnect()
  }

  async #commit(group: string, topic: string, partitions: { partition: number; offset: string; metadata: string }[]): Promise<void> {
    await this.#ready(topic)
    const coordinator = await this.#cluster.findGroupCoordinator({ groupId: group })
    await coordinator.offsetCommit({ groupId: group, groupGenerationId: -1, memberId: '', topics: [{ topic, partitions }] })
  }

  async #read({ topic, partition }: TopicPartition, from: number): Promise<readonly LogRecord[]> {
    const leader = await this.#leaderOf(topic, partition)
    const partitions = [{ partition, fetchOffset: String(from), maxBytes: fetchBytes }]
    const { responses } = await fetchBatches(leader, { maxWaitTime: 0, minBytes: 0, isolationLevel: 1, topics: [{ topic, partitions }] })
    const batches = responses[0]?.partitions[0]?.messages ?? []

    return batches.filter(({ isControlRecord }) => !isControlRecord).flatMap((batch) => [...batch])
  }

  async #offsets(topic: string, partitions: readonly number[], where: Place): Promise<ReadonlyMap<number, number>> {
    await this.#ready(topic)
    const asked = { topic, partitions: partitions.map((partition) => ({ partition })) }
    const [found] = await this.#cluster.fetchTopicsOffset([where instanceof Date ? { ...asked, fromTimestamp: where.getTime() } : { ...asked, fromBeginning: where === 'first' }])
    const offsets = new Map((found?.partitions ?? []).map(({ partition, offset }) => [partition, Number(offset)]))
    // Nothing was stored since: the broker answers -1.
    const late = partitions.filter((partition) => (offsets.get(partition) ?? -1) < 0)
    if (late.length > 0 && where instanceof Date) for (const [partition, offset] of await this.offsets(topic, late, 'last')) offsets.set(partition, offset)

    return offsets
  }

  /** A topic that was just made, or whose leader has just changed, is not known to everybody at once. */
  async #patiently<T>(topic: string, work: () => Promise<T>): Promise<T> {
    const end = this.#runtime.elapsed() + patienceMs
    for (;;) {
      try {
        return await work()
      } catch (error) {
        if (verdictOf(error) !== 'not-yet' || this.#runtime.elapsed() > end) throw error
      }
      await pause(this.#runtime, pauseMs)
      await refreshTopic(this.#cluster, topic)
    }
  }

  async #leaderOf(topic: string, partition: number): Promise<Broker> {
    await this.#ready(topic)
    const [nodeId] = Object.keys(this.#cluster.findLeaderForPartitions(topic, [partition]))
    if (nodeId === undefined) throw new BrokerRefused('TOPIC_MISSING', `The topic "${topic}" was expected to have a leader and has none. Look at the cluster.`)

    return this.#cluster.findBroker({ nodeId })
  }

  async #ready(topic: string): Promise<void> {
    try {
      await this.#connect()
      await learnTopic(this.#cluster, topic)
    } catch (error) {
      if (codeOf(error) !== 'UNKNOWN_TOPIC_OR_PARTITION') throw error
      throw new BrokerRefused('TOPIC_MISSING', `The topic "${topic}" was expected and the broker has none of that name. Start an app that declares its group first.`, {
        cause: error,
      })
    }
  }

  /** kafkajs finds a coordinator through the brokers it knows; where it knows none, it learns them and pauses before it asks again. */
  async #connect(): Promise<void> {
    await this.#cluster.connect()
    if (this.#cluster.getNodeIds().length === 0) await this.#cluster.refreshMetadata()
  }
}
