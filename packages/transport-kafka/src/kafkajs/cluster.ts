import { BrokerRefused } from '@waybill/core'
import type { Broker, Cluster, Kafka } from 'kafkajs'
import { PartitionAssigners } from 'kafkajs'
import { codeOf } from '../broker-error.js'
import type { Packing } from '../compression.js'
import type { Codecs, FetchAnswer } from '../fetch-answer.js'
import { decodeFetch } from '../fetch-answer.js'
import type { RecordBatch } from '../record-batch.js'
import { compressProduce, encodeProduce } from '../record-batch.js'
import { driverCodecs } from './codecs.js'

/** The first version of a produce request that carries headers, and so an envelope. */
const firstVersion = 3

/** The same of a fetch. */
const firstFetch = 4

/** What kafkajs 2.2.4 does inside `Broker.produce` and `Broker.fetch` and its types do not say. */
interface Protocol {
  readonly request: { readonly apiVersion: number; readonly encode: () => Promise<unknown> }
  readonly response: { readonly decode: (answer: Buffer) => Promise<unknown> }
}
/** A request for records, as kafkajs makes it. */
export type FetchRequest = Parameters<Broker['fetch']>[0]
interface Targets extends Cluster {
  readonly targetTopics?: unknown
}
interface Internals extends Broker {
  readonly connectionPool?: { map(work: (connection: { rejectRequests?(error: Error): void }) => void): unknown }
  lookupRequest(apiKey: number, definition: unknown): (request: unknown) => Protocol
}

/**
 * A client of the cluster of its own, with connections of its own. kafkajs gives one to an assigner and to nobody else,
 * so it comes with a consumer, which never runs and holds nothing else.
 */
export function openCluster(kafka: Kafka): Cluster {
  const found: { cluster?: Cluster } = {}
  kafka.consumer({
    groupId: 'waybill.reader',
    allowAutoTopicCreation: false,
    partitionAssigners: [
      (config) => {
        found.cluster = config.cluster

        return PartitionAssigners.roundRobin(config)
      },
    ],
  })
  if (!found.cluster) throw changed('give its cluster to an assigner')

  return found.cluster
}

/**
 * Knows who leads a topic. kafkajs asks for every topic that it ever heard of at once, and one that was deleted or
 * closed to this user meanwhile would fail all others for ever.
 */
export async function learnTopic(cluster: Cluster, topic: string): Promise<void> {
  try {
    await cluster.addTargetTopic(topic)
    await cluster.refreshMetadataIfNecessary()
  } catch (error) {
    await relearn(cluster, topic, error)
  }
}

/** What is known about a topic may be wrong. */
export async function refreshTopic(cluster: Cluster, topic: string): Promise<void> {
  try {
    await cluster.refreshMetadata()
  } catch (error) {
    await relearn(cluster, topic, error)
  }
}

async function relearn(cluster: Cluster, topic: string, error: unknown): Promise<void> {
  const code = codeOf(error)
  if (code !== 'UNKNOWN_TOPIC_OR_PARTITION' && code !== 'TOPIC_AUTHORIZATION_FAILED') throw error
  const { targetTopics } = cluster as Targets
  if (!(targetTopics instanceof Set)) throw changed('keep the topics that it asks for in a set')
  targetTopics.clear()
  await cluster.addTargetTopic(topic)
}

/**
 * One produce request, whose bytes are ours and of which all else is kafkajs': version, connection, authentication,
 * time-out, throttling, the reading of the answer and its errors. `produce` asks its broker for the protocol of a
 * request, so it runs on one that answers with our encoder in it; everything else it inherits.
 */
export async function produce(broker: Broker, batch: RecordBatch, packing: Packing | undefined): Promise<void> {
  const { lookupRequest } = broker as Internals
  if (typeof lookupRequest !== 'function') throw changed('look its requests up')
  const plain = encodeProduce(batch)
  const bytes = packing ? await compressProduce(plain, batch.topic, packing) : plain
  const ours = Object.create(broker) as Internals
  ours.lookupRequest = (apiKey, definition) => (request) => withBytes(lookupRequest(apiKey, definition)(request), bytes)
  await ours.produce({ acks: -1, topicData: [] })
}

/**
 * One fetch request, whose answer is read by us and of which all else is kafkajs'. Batches begin where they were asked for.
 * The records of a partition come as `LogBatch`, each in the place of a message.
 */
export async function fetchBatches(broker: Broker, request: FetchRequest, codecs: Codecs = driverCodecs): Promise<FetchAnswer> {
  const { lookupRequest } = broker as Internals
  if (typeof lookupRequest !== 'function') throw changed('look its requests up')
  const ours = Object.create(broker) as Internals
  ours.lookupRequest = (apiKey, definition) => (asked) => withReader(lookupRequest(apiKey, definition)(asked), codecs)
  const answer = (await ours.fetch(request)) as FetchAnswer
  for (const { topicName, partitions } of answer.responses) {
    for (const { partition, messages } of partitions) {
      if (messages.length === 0) continue
      const from = offsetAsked(request, topicName, partition)
      for (const batch of messages) batch.skipTo(from)
    }
  }

  return answer
}

/** Rejects what waits for this broker's answer. Where kafkajs changed, it is waited for. */
export function dropRequests(broker: Broker): void {
  const dropped = new Error('The connection is closed, so nobody waits for this answer.')
  ;(broker as Internals).connectionPool?.map((connection) => connection.rejectRequests?.(dropped))
}

function offsetAsked({ topics }: FetchRequest, topic: string, partition: number): number {
  for (const asked of topics) {
    const found = asked.topic === topic ? asked.partitions.find((one) => one.partition === partition) : undefined
    if (found) return Number(found.fetchOffset)
  }

  return 0
}

function withReader(protocol: Protocol, codecs: Codecs): Protocol {
  const { apiVersion } = protocol.request
  if (apiVersion < firstFetch) throw new BrokerRefused('KAFKA_TOO_OLD', `The broker was expected to give records with headers and gives none. Install Kafka 0.11 or later.`)

  return { ...protocol, response: { ...protocol.response, decode: (answer) => decodeFetch(answer, apiVersion, codecs) } }
}

/** kafkajs wants an encoder of its own, of which it reads these two. */
function withBytes(protocol: Protocol, buffer: Buffer): Protocol {
  const { request } = protocol
  if (request.apiVersion < firstVersion) {
    throw new BrokerRefused('KAFKA_TOO_OLD', `The broker was expected to take records with headers and takes none. Install Kafka 0.11 or later.`)
  }

  return { ...protocol, request: { ...request, encode: () => Promise.resolve({ buf: buffer, buffer }) } }
}

function changed(what: string): BrokerRefused {
  return new BrokerRefused('KAFKAJS_CHANGED', `kafkajs was expected to ${what} and did not. Install kafkajs 2.2.4.`)
}
