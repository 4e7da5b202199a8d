import type { ConnectionState, TransportHost } from '@waybill/core'
import { Backoff, BrokerRefused } from '@waybill/core'
import type { Assignment, Consumer, EachBatchPayload } from 'kafkajs'
import { evenAssigner } from './assigner.js'
import { codeOf, sentenceOf, verdictOf } from './broker-error.js'
import type { Connection } from './connection.js'
import { fetchBatches } from './cluster.js'
import { Fetches } from './fetches.js'
import { LogBatch } from './log-batch.js'
import type { LogReader } from './log-reader.js'
import type { ResolvedOptions } from './options.js'
import { pause } from './pause.js'

/** The longest that a fetch waits at the broker. */
const fetchWaitMs = 250
/** The same while some partitions are left out: so late they are fetched again. */
const heldWaitMs = 20
const goodbyeMs = 3_000

export interface MembershipEvents {
  /** The group has been joined, maybe anew. `isContinued`: nobody else can have had what is kept. */
  assigned(assignment: Assignment, isContinued: boolean): void
  /** Others come or go. What is finished can still be committed, now. */
  rebalancing(): void
  /** No member any more; it comes back by itself. */
  lost(): void
  /** A fetch went past this offset and brought nothing. */
  passed(topic: string, partition: number, lastOffset: string): void
  /** Must return soon: the whole broker waits for it. */
  fetched(payload: FetchedBatches): Promise<void>
  /** Whether more of this partition may be fetched. */
  hasRoom(topic: string, partition: number): boolean
  /** Resolves when that may have changed, and after some time. */
  room(): Promise<void>
}

/** What a fetch brought of one partition. */
export interface FetchedBatches extends Pick<EachBatchPayload, 'batch' | 'resolveOffset' | 'commitOffsetsIfNecessary'> {
  readonly batches: readonly LogBatch[]
}

export interface MembershipOptions {
  readonly groupId: string
  readonly topics: readonly string[]
  readonly connection: Connection
  readonly reader: LogReader
  readonly host: TransportHost
  readonly options: ResolvedOptions
  readonly tell: (state: ConnectionState) => void
  /** Makes what is missing on the broker. Never rejects. */
  readonly repair: () => Promise<void>
}

/** A member of one consumer group that joins, and joins again after whatever throws it out. */
export class Membership {
  readonly #to: MembershipOptions
  readonly #events: MembershipEvents
  readonly #backoff: Backoff
  readonly #joined: Promise<void>
  #settleJoined: { resolve: () => void; reject: (error: Error) => void } = { resolve: () => {}, reject: () => {} }
  #consumer: Consumer | undefined
  #fetches: Fetches | undefined
  #memberId: string | undefined
  #reason: string | undefined = 'has not joined its group yet'
  #isStopped = false

  constructor(to: MembershipOptions, events: MembershipEvents) {
    this.#to = to
    this.#events = events
    this.#backoff = new Backoff(to.host.runtime)
    this.#joined = new Promise((resolve, reject) => {
      this.#settleJoined = { resolve, reject }
    })
  }

  /** Why it is no member at the moment. */
  get reason(): string | undefined {
    return this.#reason
  }

  /** Resolves when the group is joined for the first time. */
  join(): Promise<void> {
    void this.#attach()

    return this.#joined
  }

  /** The cluster is back: no reason to wait out the pause. */
  hurry(): void {
    this.#backoff.hurry()
  }

  /** It is a member in name only. */
  restart(reason: string): void {
    if (this.#isStopped || this.#reason !== undefined) return
    this.#to.host.log.warn(`kafka: ${reason}, so the group is joined anew`, { group: this.#to.groupId })
    void this.#crashed(new Error(reason))
  }

  async stop(): Promise<void> {
    this.#isStopped = true
    this.#reason = 'stopped'
    this.#backoff.cancel()
    this.#settleJoined.reject(new BrokerRefused('TRANSPORT_CLOSED', `The group "${this.#to.groupId}" was left before it was joined. Start the app again.`))
    await Promise.race([this.#sayGoodbye(), pause(this.#to.host.runtime, goodbyeMs)])
    this.#tell('closed', undefined)
  }

  /** Leaves the group at once, not when the fetch that waits for messages has been answered. */
  async #sayGoodbye(): Promise<void> {
    const [consumer, fetches] = [this.#consumer, this.#fetches]
    fetches?.end()
    await quietly(consumer?.stop())
    fetches?.drop()
    await quietly(consumer?.disconnect())
  }

  async #attach(): Promise<void> {
    while (!this.#isStopped) {
      this.#tell('connecting', undefined)
      try {
        return await this.#open()
      } catch (error) {
        await this.#detach(error)
      }
    }
  }

  async #open(): Promise<void> {
    const consumer = this.#create()
    this.#consumer = consumer
    await consumer.connect()
    await consumer.subscribe({ topics: [...this.#to.topics], fromBeginning: true })
    if (this.#isStopped) return quietly(consumer.disconnect())
    await consumer.run({ autoCommit: false, eachBatchAutoResolve: false, eachBatch: (payload) => this.#fetched(payload) })
  }

  #create(): Consumer {
    const { connection, groupId, options } = this.#to
    const consumer = connection.kafka.consumer({
      groupId,
      partitionAssigners: [(config) => evenAssigner(this.#tapped(config))],
      sessionTimeout: options.sessionTimeoutMs,
      heartbeatInterval: Math.max(1, Math.floor(options.sessionTimeoutMs / 30)),
      maxWaitTimeInMs: fetchWaitMs,
      allowAutoTopicCreation: false,
      // kafkajs would start again by itself with a promise that nobody watches.
      retry: { retries: 4, initialRetryTime: 100, maxRetryTime: 2_000, restartOnFailure: () => Promise.resolve(false) },
    })
    const isCurrent = (): boolean => consumer === this.#consumer && !this.#isStopped
    consumer.on(consumer.events.GROUP_JOIN, ({ payload }) => void (isCurrent() && this.#assigned(payload.memberId, payload.memberAssignment)))
    consumer.on(consumer.events.REBALANCING, () => void (isCurrent() && this.#guard(() => this.#events.rebalancing())))
    consumer.on(
      consumer.events.START_BATCH_PROCESS,
      ({ payload }) => void (isCurrent() && payload.batchSize === 0 && this.#events.passed(payload.topic, payload.partition, payload.lastOffset)),
    )
    consumer.on(consumer.events.CRASH, ({ payload }) => void (isCurrent() && this.#crashed(payload.error)))

    return consumer
  }

  /** The cluster that this consumer fetches from. A pause of kafkajs waits out a fetch; what is left out of a fetch is asked for with the next one. */
  #tapped<C extends Parameters<typeof evenAssigner>[0]>(config: C): C {
    this.#fetches = new Fetches(config.cluster, async (broker, request) => {
      const topics = request.topics.map(({ topic, partitions }) => ({ topic, partitions: partitions.filter(({ partition }) => this.#events.hasRoom(topic, partition)) }))
      const wanted = topics.filter(({ partitions }) => partitions.length > 0)
      if (wanted.length === 0) {
        await this.#events.room()

        return { responses: [] }
      }
      const isWhole = topics.every(({ partitions }, at) => partitions.length === request.topics[at]?.partitions.length)

      return fetchBatches(broker, isWhole ? request : { ...request, topics: wanted, maxWaitTime: heldWaitMs })
    })

    return config
  }

  #assigned(memberId: string, assignment: Assignment): void {
    const isContinued = memberId === this.#memberId
    this.#memberId = memberId
    this.#reason = undefined
    this.#backoff.reset()
    this.#guard(() => this.#events.assigned(assignment, isContinued))
    this.#tell('connected', undefined)
    this.#settleJoined.resolve()
  }

  async #crashed(error: unknown): Promise<void> {
    await this.#detach(error)
    await this.#attach()
  }

  async #detach(thrown: unknown): Promise<void> {
    const [consumer, memberId] = [this.#consumer, this.#memberId]
    this.#consumer = undefined
    this.#memberId = undefined
    this.#guard(() => this.#events.lost())
    this.#to.connection.suspect()
    void quietly(consumer?.disconnect())
    const error = codeOf(thrown) === 'KafkaJSGroupCoordinatorNotFound' ? await this.#to.reader.whyUncoordinated(this.#to.groupId, thrown) : thrown
    if (verdictOf(error) === 'refused') this.#settleJoined.reject(this.#refusal(error))
    await this.#backoff.pause((ms) => {
      this.#reason = `${sentenceOf(error)}; next try in ${ms} ms`
      this.#tell('lost', this.#reason)
    })
    if (memberId !== undefined) await this.#leave(memberId)
    if (codeOf(error) === 'UNKNOWN_TOPIC_OR_PARTITION' && !this.#isStopped) await this.#to.repair()
  }

  async #leave(memberId: string): Promise<void> {
    try {
      await this.#to.reader.leave(this.#to.groupId, memberId)
    } catch (error) {
      this.#to.host.log.debug('kafka: the old membership was not ended; the broker ends it with its session', { group: this.#to.groupId, error: sentenceOf(error) })
    }
  }

  /** A TypeError that reaches kafkajs stops the consumer for good, so nothing does. */
  async #fetched(payload: EachBatchPayload): Promise<void> {
    try {
      await this.#events.fetched({ ...payload, batches: payload.batch.messages.map(batchOf) })
    } catch (error) {
      this.#to.host.log.error('kafka: a fetched batch could not be taken and is fetched again', { group: this.#to.groupId, error: sentenceOf(error) })
    }
  }

  #guard(work: () => void): void {
    try {
      work()
    } catch (error) {
      this.#to.host.log.error('kafka: an event of the group could not be handled', { group: this.#to.groupId, error: sentenceOf(error) })
    }
  }

  #tell(kind: ConnectionState['kind'], reason: string | undefined): void {
    this.#to.tell({ purpose: `consuming ${this.#to.groupId}`, kind, reason })
  }

  #refusal(error: unknown): BrokerRefused {
    return new BrokerRefused(
      'GROUP_REFUSED',
      `The group "${this.#to.groupId}" was expected to read ${this.#to.topics.map((topic) => `"${topic}"`).join(' and ')} and was refused: ${sentenceOf(error)}. Give the user the right to.`,
      { cause: error },
    )
  }
}

function batchOf(message: unknown): LogBatch {
  if (message instanceof LogBatch) return message
  throw new BrokerRefused('KAFKAJS_CHANGED', 'kafkajs was expected to hand over what was fetched and did not. Install kafkajs 2.2.4.')
}

async function quietly(end: Promise<void> | undefined): Promise<void> {
  try {
    await end
  } catch {
    // It was gone already, which is what was asked for.
  }
}
