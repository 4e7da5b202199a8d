import { BrokerRefused } from '@waybill/core'
import type { Broker, Consumer, EachBatchPayload, Kafka } from 'kafkajs'
import type { Assignment, CommitMarks, GroupMember, MemberEvents, MemberOptions, TopicPartition } from '../driver.js'
import { fetchWaitMs, heldWaitMs } from '../driver.js'
import type { Codecs } from '../fetch-answer.js'
import { LogBatch } from '../log-batch.js'
import { evenAssigner } from './assigner.js'
import type { FetchRequest } from './cluster.js'
import { fetchBatches } from './cluster.js'
import { Fetches } from './fetches.js'
import { steadyFetching } from './steady-cluster.js'

interface KafkajsMemberOptions extends MemberOptions {
  readonly sessionTimeoutMs: number
  readonly codecs: Codecs
}

/** A consumer of kafkajs, whose fetches are ours. */
export class KafkajsMember implements GroupMember {
  readonly #to: KafkajsMemberOptions
  readonly #events: MemberEvents
  readonly #consumer: Consumer
  #fetches: Fetches | undefined
  #memberId: string | undefined
  #isLeft = false

  constructor(kafka: Kafka, to: KafkajsMemberOptions, events: MemberEvents) {
    this.#to = to
    this.#events = events
    this.#consumer = this.#create(kafka)
  }

  get memberId(): string | undefined {
    return this.#memberId
  }

  async join(): Promise<void> {
    await this.#consumer.connect()
    await this.#consumer.subscribe({ topics: [...this.#to.topics], fromBeginning: true })
    if (this.#isLeft) return this.drop()
    await this.#consumer.run({ autoCommit: false, eachBatchAutoResolve: false, eachBatch: (payload) => this.#fetched(payload) })
  }

  async leave(): Promise<void> {
    this.#isLeft = true
    this.#fetches?.end()
    await quietly(this.#consumer.stop())
    this.#fetches?.drop()
    await this.drop()
  }

  drop(): Promise<void> {
    return quietly(this.#consumer.disconnect())
  }

  #create(kafka: Kafka): Consumer {
    const { groupId, sessionTimeoutMs } = this.#to
    const consumer = kafka.consumer({
      groupId,
      partitionAssigners: [(config) => evenAssigner(this.#tapped(config))],
      sessionTimeout: sessionTimeoutMs,
      heartbeatInterval: Math.max(1, Math.floor(sessionTimeoutMs / 30)),
      maxWaitTimeInMs: fetchWaitMs,
      allowAutoTopicCreation: false,
      // kafkajs would start again by itself with a promise that nobody watches.
      retry: { retries: 4, initialRetryTime: 100, maxRetryTime: 2_000, restartOnFailure: () => Promise.resolve(false) },
    })
    consumer.on(consumer.events.GROUP_JOIN, ({ payload }) => this.#joined(payload))
    consumer.on(consumer.events.REBALANCING, () => this.#events.rebalancing())
    consumer.on(consumer.events.START_BATCH_PROCESS, ({ payload }) => void (payload.batchSize === 0 && this.#events.passed(payload.topic, payload.partition, payload.lastOffset)))
    consumer.on(consumer.events.CRASH, ({ payload }) => this.#events.crashed(payload.error))

    return consumer
  }

  #joined({ memberId, memberAssignment }: { readonly memberId: string; readonly memberAssignment: Assignment }): void {
    this.#memberId = memberId
    this.#events.joined(memberId, memberAssignment)
  }

  /** The cluster that this consumer fetches from. A pause of kafkajs waits out a fetch; what is left out of a fetch is asked for with the next one. */
  #tapped<C extends Parameters<typeof evenAssigner>[0]>(config: C): C {
    this.#fetches = new Fetches(steadyFetching(config.cluster), async (broker, request) => {
      const open = placesIn(request.topics, (topic, partition) => !this.#events.isHeld(topic, partition))
      const topics = placesIn(open, (topic, partition) => this.#events.hasRoom(topic, partition))
      if (topics.length === 0) {
        await this.#events.room()

        return { responses: [] }
      }

      return this.#ask(broker, { ...request, topics, ...(sizeOf(topics) < sizeOf(open) && { maxWaitTime: heldWaitMs }) })
    })

    return config
  }

  /** kafkajs moves to the first record where there is none at the place that it asked for, and tells nobody. */
  async #ask(broker: Broker, request: FetchRequest): Promise<unknown> {
    try {
      const answer = await fetchBatches(broker, request, this.#to.codecs)
      for (const { topicName: topic, partitions } of answer.responses) {
        for (const { partition, unreadable } of partitions) if (unreadable) this.#events.unreadable({ topic, partition }, unreadable)
      }

      return answer
    } catch (error) {
      if (isOutOfRange(error)) this.#events.outOfRange(error)
      throw error
    }
  }

  /** A TypeError that reaches kafkajs stops the consumer for good: `fetched` never rejects. */
  #fetched({ batch, resolveOffset, commitOffsetsIfNecessary }: EachBatchPayload): Promise<void> {
    const lastOffset = batch.lastOffset()

    return this.#events.fetched({
      topic: batch.topic,
      partition: batch.partition,
      batches: batch.messages.map(batchOf),
      lastOffset,
      highWatermark: batch.highWatermark,
      taken: () => resolveOffset(lastOffset),
      commit: (marks) => commitOffsetsIfNecessary({ topics: topicsOf(marks) }),
    })
  }
}

function placesIn(topics: FetchRequest['topics'], keep: (topic: string, partition: number) => boolean): FetchRequest['topics'] {
  return topics
    .map(({ topic, partitions }) => ({ topic, partitions: partitions.filter(({ partition }) => keep(topic, partition)) }))
    .filter(({ partitions }) => partitions.length > 0)
}

function sizeOf(topics: FetchRequest['topics']): number {
  return topics.reduce((sum, { partitions }) => sum + partitions.length, 0)
}

function topicsOf(marks: Parameters<CommitMarks>[0]): { topic: string; partitions: { partition: number; offset: string }[] }[] {
  return [...marks].map(([topic, partitions]) => ({
    topic,
    partitions: partitions.map(({ partition, offset, note }) => ({ partition, offset: String(offset), metadata: note })),
  }))
}

function isOutOfRange(error: unknown): error is Error & TopicPartition {
  return error instanceof Error && error.name === 'KafkaJSOffsetOutOfRange' && 'topic' in error && 'partition' in error
}

function batchOf(message: unknown): LogBatch {
  if (message instanceof LogBatch) return message
  throw new BrokerRefused('KAFKAJS_CHANGED', 'kafkajs was expected to hand over what was fetched and did not. Install kafkajs 2.2.4.')
}

async function quietly(end: Promise<void>): Promise<void> {
  try {
    await end
  } catch {
    // It was gone already, which is what was asked for.
  }
}
