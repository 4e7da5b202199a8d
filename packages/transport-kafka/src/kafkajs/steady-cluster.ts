import { BrokerRefused } from '@waybill/core'
import type { Admin, Broker, Cluster, Kafka } from 'kafkajs'

/** So soon it is asked again who leads what nobody leads: kafkajs would ask in five minutes. */
const lookMs = 1_000

/** What kafkajs 2.2.4 knows of topics. */
interface Metadata {
  readonly topicMetadata: readonly {
    readonly topicErrorCode: number
    readonly partitionMetadata: readonly { readonly partitionErrorCode: number; readonly leader: number }[]
  }[]
}
interface Protocol {
  readonly response: { readonly parse: (decoded: Metadata) => Promise<unknown> }
}
interface Internals extends Broker {
  lookupRequest(apiKey: number, definition: unknown): (request: unknown) => Protocol
}
type Work = (of: { readonly nodeId: string; readonly broker: Broker }) => Promise<unknown>
interface Pool {
  readonly metadata: Metadata | null
  metadataExpireAt: number | null
  refreshMetadata(topics: readonly string[]): Promise<void>
  findBroker(node: { readonly nodeId: string }): Promise<Broker>
  findConnectedBroker(): Promise<Broker>
  withBroker(work: Work): Promise<unknown>
}
interface Steady extends Cluster {
  readonly brokerPool: Pool
}

/** Lets a cluster go on where not all of it is well, as kafkajs does not. */
export function steadyCluster(cluster: Cluster): Cluster {
  const { brokerPool: pool } = cluster as Steady
  tolerateLeaderless(pool)
  askWhoAnswers(pool)
  const findController = cluster.findControllerBroker.bind(cluster)
  // One that has just gone is named by the others for some seconds more, and each of them passes on what is for the next one.
  cluster.findControllerBroker = () => findController().catch(() => pool.findConnectedBroker() as ReturnType<typeof findController>)

  return cluster
}

/** The same for one that fetches: what nobody leads is left out, where kafkajs would say nothing of all others. */
export function steadyFetching(cluster: Cluster): Cluster {
  const find = cluster.fetchTopicsOffset.bind(cluster)
  cluster.fetchTopicsOffset = async (topics) => {
    const asked = topics.map((of) => {
      const led = new Set(cluster.findTopicPartitionMetadata(of.topic).flatMap(({ partitionId, leader }) => (leader < 0 ? [] : [partitionId])))

      return { ...of, partitions: of.partitions.filter(({ partition }) => led.has(partition)) }
    })
    const found = await find(asked)

    return topics.map(({ topic }) => found.find((one) => one.topic === topic) ?? { topic, partitions: [] })
  }

  return steadyCluster(cluster)
}

/** An admin of kafkajs on such a cluster, which it makes for itself. */
export function openAdmin(kafka: Kafka): Admin {
  const create = Object.getOwnPropertySymbols(kafka).find(({ description }) => description === 'private:Kafka:createCluster')
  if (!create) throw new BrokerRefused('KAFKAJS_CHANGED', 'kafkajs was expected to make a cluster for its admin in a method of its own and does not. Install kafkajs 2.2.4.')
  const makers = kafka as unknown as Readonly<Record<symbol, (options: unknown) => Cluster>>
  const ours = Object.create(kafka, { [create]: { value: (options: unknown) => steadyCluster((makers[create] as (options: unknown) => Cluster).call(kafka, options)) } }) as Kafka

  return ours.admin()
}

/**
 * kafkajs says nothing of any topic while one that it asks for has a partition without a leader; an admin asks for all, whosever they are. Here such a
 * partition is led by -1.
 */
function tolerateLeaderless(pool: Pool): void {
  const [find, findConnected, refresh] = [pool.findBroker.bind(pool), pool.findConnectedBroker.bind(pool), pool.refreshMetadata.bind(pool)]
  pool.findBroker = async (node) => tolerant(await find(node))
  pool.findConnectedBroker = async () => tolerant(await findConnected())
  pool.refreshMetadata = async (topics) => {
    await refresh(topics)
    if (isLeaderless(pool.metadata)) pool.metadataExpireAt = Date.now() + lookMs
  }
}

/** kafkajs takes any of those that it knew some minutes ago, and gives up where that one is gone. */
function askWhoAnswers(pool: Pool): void {
  pool.withBroker = async (work) => {
    const broker = await pool.findConnectedBroker()

    return work({ nodeId: 'any', broker })
  }
}

function tolerant(broker: Broker): Broker {
  return Object.create(broker, { metadata: { value: (topics: readonly string[] = []) => metadataOf(broker, topics) } }) as Broker
}

function metadataOf(broker: Broker, topics: readonly string[]): Promise<unknown> {
  const { lookupRequest } = broker as Internals
  const ours = Object.create(broker) as Internals
  ours.lookupRequest = (apiKey, definition) => (asked) => {
    const protocol = lookupRequest(apiKey, definition)(asked)

    return { ...protocol, response: { ...protocol.response, parse: (decoded) => protocol.response.parse(withLeaderless(decoded, topics)) } }
  }

  return ours.metadata([...topics])
}

function isLeaderless(found: Metadata | null): boolean {
  return found?.topicMetadata.some(({ partitionMetadata }) => partitionMetadata.some(({ leader }) => leader < 0)) === true
}

/** Asked for by name, a topic that is not there is still an error. */
function withLeaderless(found: Metadata, topics: readonly string[]): Metadata {
  const topicMetadata = found.topicMetadata
    .filter(({ topicErrorCode }) => topics.length > 0 || topicErrorCode === 0)
    .map((topic) => ({ ...topic, partitionMetadata: topic.partitionMetadata.map((partition) => ({ ...partition, partitionErrorCode: 0 })) }))

  return { ...found, topicMetadata }
}
