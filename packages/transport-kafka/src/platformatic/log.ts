import { codecsOf } from '../compression.js'
import type { Assignment, LogClient, NewMark, PartitionMark, Place, TopicPartition } from '../driver.js'
import type { Codecs } from '../fetch-answer.js'
import { decodeFetch, readable } from '../fetch-answer.js'
import type { LogBatch } from '../log-batch.js'
import { visible } from './aborted.js'
import type { Broker } from './broker.js'
import type { PlatformaticCluster } from './cluster.js'
import { encodeFetch, fetchKey, fetchVersion } from './fetch-request.js'

const fetchBytes = 4 * 1024 * 1024
const nobody = -1
const committedOnly = 1
const noEpoch = -1
const noGeneration = -1

export class PlatformaticLog implements LogClient {
  readonly #cluster: PlatformaticCluster
  readonly #codecs: Codecs

  constructor(cluster: PlatformaticCluster) {
    this.#cluster = cluster
    this.#codecs = codecsOf(cluster.to.options)
  }

  partitions(topic: string): Promise<readonly number[]> {
    return this.#cluster.learn(topic)
  }

  async refresh(topic: string): Promise<void> {
    await this.#cluster.relearn(topic)
  }

  async fetch({ topic, partition }: TopicPartition, from: number): Promise<readonly LogBatch[]> {
    const broker = await this.#cluster.leaderOf(topic, partition)
    const request = encodeFetch({ waitMs: 0, minBytes: 0, maxBytes: fetchBytes, partitionBytes: fetchBytes, places: [{ topic, partition, offset: from }] })
    const { responses } = await decodeFetch(await broker.exchange(fetchKey, fetchVersion, request), fetchVersion, this.#codecs)
    const found = responses[0]?.partitions[0]
    if (!found) return []
    if (found.errorCode !== 0) throw this.#cluster.answer(found.errorCode)
    const batches = visible({ ...found, messages: readable(found) })
    for (const batch of batches) batch.skipTo(from)

    return batches
  }

  async offsets(topic: string, partitions: readonly number[], where: Place): Promise<Map<number, number>> {
    await this.#cluster.learn(topic)
    const found = new Map<number, number>()
    for (const own of this.#byLeader(topic, partitions)) {
      const broker = await this.#cluster.leaderOf(topic, own[0] ?? 0)
      for (const [partition, offset] of await this.#offsetsAt(broker, topic, own, where)) found.set(partition, offset)
    }

    return found
  }

  marks(group: string, assignment: Assignment): Promise<readonly PartitionMark[]> {
    return marksOf(this.#cluster, group, assignment)
  }

  async commit(group: string, topic: string, marks: readonly NewMark[]): Promise<void> {
    await this.#cluster.atCoordinator(group, (broker) => commitAt(broker, this.#cluster, { groupId: group, generation: noGeneration, memberId: '' }, new Map([[topic, marks]])))
  }

  async leave(group: string, memberId: string): Promise<void> {
    await this.#cluster.atCoordinator(group, (broker) => leaveAt(broker, this.#cluster, group, memberId))
  }

  /** The library says what the broker said. */
  async whyLost(_group: string, error: unknown): Promise<unknown> {
    return error
  }

  async close(): Promise<void> {
    this.#cluster.close()
  }

  async #offsetsAt(broker: Broker, name: string, partitions: readonly number[], where: Place): Promise<readonly (readonly [number, number])[]> {
    const timestamp = where instanceof Date ? BigInt(where.getTime()) : where === 'first' ? -2n : -1n
    const asked = partitions.map((partitionIndex) => ({ partitionIndex, currentLeaderEpoch: noEpoch, timestamp }))
    const { topics } = await broker.call(this.#cluster.to.library.listOffsetsV8, [nobody, committedOnly, [{ name, partitions: asked }]])

    return topics.flatMap((topic) => topic.partitions.map(({ partitionIndex, offset }) => [partitionIndex, Number(offset)] as const))
  }

  #byLeader(topic: string, partitions: readonly number[]): Iterable<readonly number[]> {
    const leaders = new Map<number, number[]>()
    for (const partition of partitions) {
      const leader = this.#cluster.leaderId(topic, partition)
      const own = leaders.get(leader)
      if (own) own.push(partition)
      else leaders.set(leader, [partition])
    }

    return leaders.values()
  }
}

export interface Generation {
  readonly groupId: string
  readonly generation: number
  readonly memberId: string
}

export async function marksOf(cluster: PlatformaticCluster, group: string, assignment: Assignment): Promise<readonly PartitionMark[]> {
  const topics = Object.entries(assignment).map(([name, partitions]) => ({ name, partitionIndexes: [...partitions] }))
  const asked = { groupId: group, memberId: null, memberEpoch: noEpoch, topics }
  const { groups } = await cluster.atCoordinator(group, (broker) => broker.call(cluster.to.library.offsetFetchV8, [[asked], false]))

  return (groups[0]?.topics ?? []).flatMap(({ name, partitions }) =>
    partitions.map(({ partitionIndex, committedOffset, metadata }) => ({
      topic: name,
      partition: partitionIndex,
      offset: committedOffset < 0n ? undefined : Number(committedOffset),
      note: metadata ?? '',
    })),
  )
}

export async function commitAt(broker: Broker, { to }: PlatformaticCluster, of: Generation, marks: ReadonlyMap<string, readonly NewMark[]>): Promise<void> {
  const topics = [...marks].map(([name, own]) => ({
    name,
    partitions: own.map(({ partition, offset, note }) => ({
      partitionIndex: partition,
      committedOffset: BigInt(offset),
      committedLeaderEpoch: noEpoch,
      committedMetadata: note,
    })),
  }))
  await broker.call(to.library.offsetCommitV8, [of.groupId, of.generation, of.memberId, null, topics])
}

export async function leaveAt(broker: Broker, { to }: PlatformaticCluster, group: string, memberId: string): Promise<void> {
  await broker.call(to.library.leaveGroupV5, [group, [{ memberId }]])
}
