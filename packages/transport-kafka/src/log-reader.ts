import type { Runtime } from '@waybill/core'
import { BrokerRefused } from '@waybill/core'
import { codeOf, verdictOf } from './broker-error.js'
import type { Assignment, LogClient, Mark, NewMark, PartitionMark, Place, TopicPartition } from './driver.js'
import type { LogRecord } from './log-record.js'
import { pause } from './pause.js'

const patienceMs = 5_000
const pauseMs = 100

/** Reads partitions and marks without joining a group. */
export class LogReader {
  readonly #client: LogClient
  readonly #runtime: Runtime

  constructor(client: LogClient, runtime: Runtime) {
    this.#client = client
    this.#runtime = runtime
  }

  /** The records of a partition from `from` on, as many as one fetch brings; empty at the end. What somebody deletes meanwhile is passed over. */
  async read(of: TopicPartition, from: number): Promise<readonly LogRecord[]> {
    try {
      return await this.#patiently(of.topic, () => this.#read(of, from))
    } catch (error) {
      if (codeOf(error) !== 'OFFSET_OUT_OF_RANGE') throw error
    }
    const first = (await this.offsets(of.topic, [of.partition], 'first')).get(of.partition) ?? 0

    return first > from ? this.read(of, first) : []
  }

  /** The first offset of partition 0 that still exists. */
  async begin(topic: string): Promise<number> {
    return (await this.offsets(topic, [0], 'first')).get(0) ?? 0
  }

  async mark(group: string, topic: string): Promise<Mark> {
    await this.partitions(topic)
    const [found] = await this.#client.marks(group, { [topic]: [0] })

    return found ?? { offset: undefined, note: '' }
  }

  /** Where a group stands in its partitions. */
  marks(group: string, assignment: Assignment): Promise<readonly PartitionMark[]> {
    return this.#client.marks(group, assignment)
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
    try {
      return await this.#client.partitions(topic)
    } catch (error) {
      if (codeOf(error) !== 'UNKNOWN_TOPIC_OR_PARTITION') throw error
      throw new BrokerRefused('TOPIC_MISSING', `The topic "${topic}" was expected and the broker has none of that name. Start an app that declares its group first.`, {
        cause: error,
      })
    }
  }

  /** The first offset of each partition that is kept, or behind the last one, or the first that was stored at that moment or later. */
  async offsets(topic: string, partitions: readonly number[], where: Place): Promise<ReadonlyMap<number, number>> {
    // Kafka has meanings of its own for moments before 1970: -1 is the end.
    const place = where instanceof Date && where.getTime() < 0 ? 'first' : where

    return this.#patiently(topic, () => this.#offsets(topic, partitions, place))
  }

  /** What a failure to join a group was about. Never rejects. */
  whyLost(groupId: string, error: unknown): Promise<unknown> {
    return this.#client.whyLost(groupId, error)
  }

  /** Ends a membership whose connection died: the broker would wait for that member until its session is over. */
  leave(groupId: string, memberId: string): Promise<void> {
    return this.#client.leave(groupId, memberId)
  }

  /** Moves a mark of a group that has no members. */
  async setMark(group: string, topic: string, { offset, note }: { readonly offset: number; readonly note: string }): Promise<void> {
    await this.#commit(group, topic, [{ partition: 0, offset, note }])
  }

  /** Moves the marks of several partitions of a group that has no members. */
  async setMarks(group: string, topic: string, offsets: ReadonlyMap<number, number>): Promise<void> {
    await this.#commit(
      group,
      topic,
      [...offsets].map(([partition, offset]) => ({ partition, offset, note: '' })),
    )
  }

  /** Lets a group that has no members begin behind everything that is there now. */
  async skipToEnd(group: string, topic: string): Promise<void> {
    const ends = await this.offsets(topic, await this.partitions(topic), 'last')
    await this.setMarks(group, topic, ends)
  }

  close(): Promise<void> {
    return this.#client.close()
  }

  async #commit(group: string, topic: string, marks: readonly NewMark[]): Promise<void> {
    await this.partitions(topic)
    await this.#client.commit(group, topic, marks)
  }

  async #read(of: TopicPartition, from: number): Promise<readonly LogRecord[]> {
    await this.partitions(of.topic)
    const batches = await this.#client.fetch(of, from)

    return batches.filter(({ isControlRecord }) => !isControlRecord).flatMap((batch) => [...batch])
  }

  async #offsets(topic: string, partitions: readonly number[], where: Place): Promise<ReadonlyMap<number, number>> {
    await this.partitions(topic)
    const offsets = await this.#client.offsets(topic, partitions, where)
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
      await this.#client.refresh(topic)
    }
  }
}
