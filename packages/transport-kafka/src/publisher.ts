import type { Destination, Logger, Outgoing, PublishOutcome, Settled, TransportHost } from '@waybill/core'
import { BrokerRefused, murmur2 } from '@waybill/core'
import { codeOf, sentenceOf, verdictOf } from './broker-error.js'
import type { Connection } from './connection.js'
import type { LaneOwner, Parcel } from './lane.js'
import { Lane } from './lane.js'
import type { BatchProducer } from './driver.js'
import { sizeAlone } from './record-batch.js'
import type { KafkaNames } from './topology.js'
import { largestBatch, partitionCounts } from './topics.js'
import { parseReplyAddress } from './topology.js'
import type { WireRecord } from './wire.js'
import { toRecord } from './wire.js'

const maxHeldBytes = 64 * 1024 * 1024
/** What a record takes beside its content, at most, and somewhat more for what it holds here. */
const recordHead = 80

/** Sends messages: each partition in order, one request at a time, all partitions side by side. */
export class KafkaPublisher implements LaneOwner {
  readonly runtime: TransportHost['runtime']
  readonly #connection: Connection
  readonly #names: KafkaNames
  readonly #log: Logger
  readonly #topics = new Map<string, TopicLanes>()
  readonly #underWay = new Set<Parcel>()
  #heldBytes = 0
  #closing = false
  #go: () => void = () => {}
  #idle: () => void = () => {}

  constructor(connection: Connection, names: KafkaNames, host: TransportHost) {
    this.#connection = connection
    this.#names = names
    this.runtime = host.runtime
    this.#log = host.log
  }

  get producer(): BatchProducer {
    return this.#connection.producer
  }

  get compresses(): boolean {
    return this.#connection.compresses
  }

  get mayJoin(): boolean {
    return this.#connection.isConnected
  }

  get writable(): boolean {
    return this.#connection.isConnected && !this.#closing && this.#heldBytes < maxHeldBytes
  }

  onWritable(go: () => void): void {
    this.#go = go
  }

  publish(batch: readonly Outgoing[], settled: Settled): void {
    const touched = new Set<TopicLanes>()
    for (const [index, message] of batch.entries()) {
      const topic = this.#accept(message, index, settled)
      if (topic) touched.add(topic)
    }
    for (const topic of touched) topic.flush()
  }

  /** Sends records as they are to one topic. */
  copy(topic: string, records: readonly WireRecord[], settled: Settled): void {
    const lanes = this.#lanesOf(topic)
    for (const [index, record] of records.entries()) this.#hold(record, index, settled, lanes)
    lanes.flush()
  }

  /** The cluster is back: what was held leaves. */
  restored(): void {
    for (const topic of this.#topics.values()) topic.flush()
    if (this.writable) this.#go()
  }

  /** Resolves when everything has its outcome; what is not sent by the deadline is rejected, what is under way is unknown. */
  async close(deadlineMs: number): Promise<void> {
    this.#closing = true
    if (!this.mayJoin) this.#abandon()
    if (this.#underWay.size === 0) return
    const drained = new Promise<void>((resolve) => {
      this.#idle = resolve
    })
    const stop = this.runtime.after(deadlineMs, () => this.#abandon())
    await drained
    stop()
  }

  /** Once for each parcel, whatever is said about it later. */
  done(parcel: Parcel, outcome: PublishOutcome): void {
    if (!this.#underWay.delete(parcel)) return
    const wasWritable = this.writable
    this.#heldBytes -= parcel.bytes
    this.#answer(parcel, outcome)
    if (!wasWritable && this.writable) this.#go()
    if (this.#underWay.size === 0) this.#idle()
  }

  suspect(): void {
    this.#connection.suspect()
  }

  changed(topic: string): void {
    this.#topics.get(topic)?.relearn()
  }

  #accept(message: Outgoing, index: number, settled: Settled): TopicLanes | undefined {
    try {
      const { topic, key } = this.#targetOf(message)
      const record = toRecord(message, key, message.delayMs === undefined ? undefined : this.runtime.now() + message.delayMs)
      const lanes = this.#lanesOf(topic)
      this.#hold(record, index, settled, lanes)

      return lanes
    } catch (error) {
      settled(index, { kind: 'rejected', reason: sentenceOf(error) })

      return undefined
    }
  }

  #hold(record: WireRecord, index: number, settled: Settled, lanes: TopicLanes): void {
    const parcel = { record, bytes: recordHead + record.size, index, settled }
    this.#underWay.add(parcel)
    this.#heldBytes += parcel.bytes
    lanes.add(parcel)
  }

  /** Throws where a message can go nowhere; so does writing it, where its headers are none. */
  #targetOf({ to, envelope, delayMs }: Outgoing): Target {
    if (this.#closing) throw new BrokerRefused('TRANSPORT_CLOSED', 'the transport is closing')
    if (to.kind === 'group') return { topic: this.#names.retry(to, delayMs), key: envelope.subject }

    return targetOf(to, envelope.subject, this.#names)
  }

  #lanesOf(topic: string): TopicLanes {
    let lanes = this.#topics.get(topic)
    if (!lanes) {
      lanes = new TopicLanes(topic, this, this.#connection)
      this.#topics.set(topic, lanes)
    }

    return lanes
  }

  /** What core's callback throws must not end the lane. */
  #answer({ settled, index }: Parcel, outcome: PublishOutcome): void {
    try {
      settled(index, outcome)
    } catch (error) {
      this.#log.error('kafka: core did not take the outcome of a publish', { error: sentenceOf(error) })
    }
  }

  #abandon(): void {
    for (const topic of this.#topics.values()) topic.abandon({ kind: 'rejected', reason: 'the transport closed before the message was sent' })
    for (const parcel of [...this.#underWay]) this.done(parcel, { kind: 'unknown', reason: 'the transport closed before the broker answered' })
  }
}

/** One topic: chooses the partition of each message before its first try, for good. */
class TopicLanes {
  readonly #topic: string
  readonly #owner: LaneOwner
  readonly #connection: Connection
  #lanes: readonly Lane[] = []
  #unplaced: Parcel[] = []
  #asking = false
  #largest = Number.POSITIVE_INFINITY
  #turn = 0

  constructor(topic: string, owner: LaneOwner, connection: Connection) {
    this.#topic = topic
    this.#owner = owner
    this.#connection = connection
  }

  add(parcel: Parcel): void {
    if (this.#lanes.length === 0) this.#unplaced.push(parcel)
    else this.#place(parcel)
  }

  flush(): void {
    if (this.#unplaced.length > 0 && !this.#asking) void this.#ask()
    // Messages without a key stay together for one flush, so that they leave in few requests.
    this.#turn++
    for (const lane of this.#lanes) lane.pump()
  }

  /** It was made anew, maybe with fewer partitions: what comes is placed among those that there are. */
  relearn(): void {
    if (!this.#asking) void this.#ask()
  }

  abandon(outcome: PublishOutcome): void {
    for (const parcel of this.#unplaced.splice(0)) this.#owner.done(parcel, outcome)
    for (const lane of this.#lanes) lane.abandon(outcome)
  }

  async #ask(): Promise<void> {
    if (!this.#owner.mayJoin) return
    this.#asking = true
    try {
      const count = (await partitionCounts(this.#connection.admin, [this.#topic])).get(this.#topic)
      if (count === undefined) this.#refuse('the broker has no such topic')
      else this.#open(count, await largestBatch(this.#connection.admin, this.#topic))
    } catch (error) {
      // Nothing was sent yet, so it is certain that the broker does not have them.
      this.#refuse(`${codeOf(error)}, ${sentenceOf(error)}`)
      if (verdictOf(error) === 'unknown') this.#owner.suspect()
    }
    this.#asking = false
  }

  #open(count: number, largest: number): void {
    this.#largest = this.#owner.compresses ? Number.POSITIVE_INFINITY : largest
    const before = this.#lanes
    this.#lanes = Array.from({ length: count }, (_, partition) => before[partition] ?? new Lane({ topic: this.#topic, partition, largest: this.#largest }, this.#owner))
    for (const lane of before.slice(count)) lane.abandon({ kind: 'rejected', reason: `topic "${this.#topic}": its partition is gone` })
    for (const parcel of this.#unplaced.splice(0)) this.#place(parcel)
    this.flush()
  }

  #refuse(reason: string): void {
    for (const parcel of this.#unplaced.splice(0)) this.#owner.done(parcel, { kind: 'rejected', reason: `topic "${this.#topic}": ${reason}` })
  }

  #place(parcel: Parcel): void {
    if (parcel.bytes > this.#largest && sizeAlone(parcel.record) > this.#largest) return this.#tooLarge(parcel)
    const { key } = parcel.record
    const partition = key === null ? this.#turn % this.#lanes.length : partitionOf(key, this.#lanes.length)
    this.#lanes[partition]?.add(parcel)
  }

  #tooLarge(parcel: Parcel): void {
    const reason = `topic "${this.#topic}": MESSAGE_TOO_LARGE, the record takes ${sizeAlone(parcel.record)} bytes and "max.message.bytes" of the topic is ${this.#largest}`
    // Not within `publish`: the caller may not have heard yet that it was taken.
    this.#owner.runtime.soon(() => this.#owner.done(parcel, { kind: 'rejected', reason }))
  }
}

/** The partition of a key, as Kafka's Java client chooses it. */
export function partitionOf(key: string | Uint8Array, partitions: number): number {
  return (murmur2(typeof key === 'string' ? Buffer.from(key, 'utf8') : key) & 0x7fffffff) % partitions
}

interface Target {
  readonly topic: string
  readonly key: string | undefined
}

/** Where a message goes, and by which key. */
function targetOf(to: Exclude<Destination, { readonly kind: 'group' }>, subject: string | undefined, names: KafkaNames): Target {
  if (to.kind === 'channel') return { topic: names.channel(to.channel), key: subject }
  if (to.kind === 'dead') return { topic: names.dead(to), key: subject }
  const address = parseReplyAddress(to.address)
  if (address) return { topic: address.topic, key: address.instance }

  throw new BrokerRefused('REPLY_ADDRESS', 'the reply address was expected to be "<topic>.reply#<instance>", which are Waybill\'s on Kafka, and is another')
}
