import type { TransportHost } from '@waybill/core'
import type { LogBatch } from './log-batch.js'
import type { ResolvedOptions } from './options.js'
import type { RecordBatch } from './record-batch.js'
import type { Unreadable } from './unreadable.js'

/** The library that speaks to the brokers. Made by `platformatic()` of this package; without one it is kafkajs. */
export interface KafkaDriver {
  readonly name: string
  /** Opens no connection yet. Rejects where the library is not there. */
  open(options: ResolvedOptions, host: TransportHost): Promise<KafkaClient>
}

/**
 * What the adapter needs of a cluster. Errors carry Kafka's word for what went wrong as `type`; what has none may have been
 * done or not.
 */
export interface KafkaClient {
  readonly admin: ClusterAdmin
  readonly producer: BatchProducer
  log(): LogClient
  member(options: MemberOptions, events: MemberEvents): GroupMember
  turn(group: string): GroupTurn
  /** Cuts what is still connected. Nothing connects from then on. */
  close(): void
}

export interface ClusterAdmin {
  connect(): Promise<void>
  describe(): Promise<{ readonly id: string; readonly brokers: number }>
  /** All topics that this user may see. */
  topics(): Promise<readonly TopicShape[]>
  createTopics(topics: readonly NewTopic[]): Promise<void>
  growTopic(topic: string, partitions: number): Promise<void>
  /** Settings of a topic by name; those that it does not have are absent. */
  settings(topic: string, names: readonly string[]): Promise<ReadonlyMap<string, string>>
  /** Of partition 0, what lies before this offset. */
  deleteRecords(topic: string, before: number): Promise<void>
  deleteGroups(groups: readonly string[]): Promise<void>
  close(): Promise<void>
}

export interface TopicShape {
  readonly name: string
  readonly partitions: number
  readonly replicas: number | undefined
}

export interface NewTopic {
  readonly topic: string
  readonly partitions: number
  /** -1: as the broker does by default. */
  readonly replication: number
  readonly settings: Readonly<Record<string, string>>
}

/** Sends a batch to the leader of its partition, once. What it knows about the cluster is put right after a failure. */
export interface BatchProducer {
  connect(): Promise<void>
  /** Resolves when all in-sync replicas have it. */
  send(batch: RecordBatch): Promise<void>
  close(): Promise<void>
}

/** Partitions and marks, without membership in a group. It connects by itself. */
export interface LogClient {
  partitions(topic: string): Promise<readonly number[]>
  /** What is known about a topic may be wrong. */
  refresh(topic: string): Promise<void>
  /** What lies at this offset and behind it, as much as one fetch brings; nothing is waited for. */
  fetch(of: TopicPartition, from: number): Promise<readonly LogBatch[]>
  /** Negative where nothing was stored at that moment or later. */
  offsets(topic: string, partitions: readonly number[], where: Place): Promise<Map<number, number>>
  marks(group: string, assignment: Assignment): Promise<readonly PartitionMark[]>
  /** Of a group that has no members. */
  commit(group: string, topic: string, marks: readonly NewMark[]): Promise<void>
  leave(group: string, memberId: string): Promise<void>
  /** What a failure to join a group was about, where the library says less than the broker did. Never rejects. */
  whyLost(group: string, error: unknown): Promise<unknown>
  close(): Promise<void>
}

/** A moment, or an end of the log. */
export type Place = 'first' | 'last' | Date

export interface TopicPartition {
  readonly topic: string
  readonly partition: number
}

/** Where a group stands in a partition, and the note that it left there. */
export interface Mark {
  readonly offset: number | undefined
  readonly note: string
}

export interface PartitionMark extends TopicPartition, Mark {}

export interface NewMark {
  readonly partition: number
  readonly offset: number
  readonly note: string
}

/** The partitions of a member, by topic. */
export type Assignment = Readonly<Record<string, readonly number[]>>

export interface MemberOptions {
  readonly groupId: string
  readonly topics: readonly string[]
}

/** One membership, from joining until it is lost or left. */
export interface GroupMember {
  /** What the broker knows it by; undefined before the first answer. One that is lost is to be ended under this name. */
  readonly memberId: string | undefined
  /** Resolves when it is under way; what comes of it is told by events. Rejects where it cannot begin. */
  join(): Promise<void>
  /** At once, not when the fetch that waits for messages has been answered. Never rejects. */
  leave(): Promise<void>
  /** Gives up its connections. Never rejects. */
  drop(): Promise<void>
}

/** A place in a group that reads nothing. It keeps its connections busy while it waits, so they are its own. */
export interface GroupTurn {
  /** Joins, and joins anew after somebody came or went. Resolves when the others have done the same. */
  join(): Promise<TurnState>
  /** Rejects with Kafka's `REBALANCE_IN_PROGRESS` where somebody came or went. */
  beat(): Promise<void>
  /** Gives up its connections too. Never rejects. */
  leave(): Promise<void>
}

export interface TurnState {
  /** Another one than before: it was thrown out meanwhile. */
  readonly memberId: string
  /** It came first of those that are there, which a broker tells of one member alone. */
  readonly isFirst: boolean
  /** How many there are; 0 where it is not the first, who alone is told. */
  readonly members: number
}

/** Without a beat for so long a turn is over. */
export const turnSessionMs = 10_000

export interface MemberEvents {
  joined(memberId: string, assignment: Assignment): void
  /** Others come or go. What is finished can still be committed, now. */
  rebalancing(): void
  crashed(error: unknown): void
  /** A fetch went past this offset and brought nothing. */
  passed(topic: string, partition: number, lastOffset: string): void
  /** The broker has nothing at the offset that was asked for: the next fetch begins at the first record that it has. */
  outOfRange(of: TopicPartition): void
  /** What lies there cannot be read. What lies before it is given as ever. */
  unreadable(of: TopicPartition, found: Unreadable): void
  /** Must return soon: the whole broker waits for it. Never rejects. */
  fetched(found: FetchedBatches): Promise<void>
  /** Nothing of this partition is to be fetched for now, and nobody waits for it. */
  isHeld(topic: string, partition: number): boolean
  /** Whether more of this partition may be fetched. */
  hasRoom(topic: string, partition: number): boolean
  /** Resolves when that may have changed, and after some time. */
  room(): Promise<void>
}

/** What a fetch brought of one partition. */
export interface FetchedBatches extends TopicPartition {
  readonly batches: readonly LogBatch[]
  /** The last one that the fetch passed, also where it was no message. */
  readonly lastOffset: string
  readonly highWatermark: string
  /** The next fetch begins behind it. */
  taken(): void
  readonly commit: CommitMarks
}

/** In the generation of this moment. */
export type CommitMarks = (marks: ReadonlyMap<string, readonly NewMark[]>) => Promise<void>

/** The longest that a fetch waits at the broker. */
export const fetchWaitMs = 250
/** The same while some partitions are left out: so late they are fetched again. */
export const heldWaitMs = 20
