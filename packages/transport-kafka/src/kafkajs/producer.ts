import { BrokerRefused } from '@waybill/core'
import type { Broker, Cluster, Kafka, KafkaJSConnectionError } from 'kafkajs'
import { beforeSending, verdictOf } from '../broker-error.js'
import type { BatchProducer } from '../driver.js'
import type { Packing } from '../compression.js'
import type { RecordBatch } from '../record-batch.js'
import { learnTopic, openCluster, produce, refreshTopic } from './cluster.js'
import { steadyCluster } from './steady-cluster.js'

/** Leads a partition that has no leader. */
const nobody = '-1'

/** Through the inside of kafkajs. */
export class KafkajsProducer implements BatchProducer {
  readonly #cluster: Cluster
  readonly #packing: Packing | undefined
  #closed = false

  constructor(kafka: Kafka, packing?: Packing) {
    this.#cluster = steadyCluster(openCluster(kafka))
    this.#packing = packing
  }

  async connect(): Promise<void> {
    await this.#cluster.connect()
  }

  /** Rejects with an error of kafkajs. */
  async send(batch: RecordBatch): Promise<void> {
    if (this.#closed) throw new BrokerRefused('TRANSPORT_CLOSED', 'the transport is closed')
    try {
      await produce(await beforeSending(this.#leaderOf(batch)), batch, this.#packing)
    } catch (error) {
      await this.#recover(error, batch.topic)
      throw error
    }
  }

  async close(): Promise<void> {
    this.#closed = true
    await this.#cluster.disconnect()
  }

  async #leaderOf({ topic, partition }: RecordBatch): Promise<Broker> {
    await learnTopic(this.#cluster, topic)
    const [nodeId] = Object.keys(this.#cluster.findLeaderForPartitions(topic, [partition]))
    if (nodeId === undefined || nodeId === nobody) throw new LeaderUnknown(`nobody is known to lead partition ${partition}`)

    return this.#cluster.findBroker({ nodeId })
  }

  /** Never rejects: the caller gets what happened to the batch, and the next one finds out what is still wrong. */
  async #recover(error: unknown, topic: string): Promise<void> {
    try {
      const connected = this.#drop(error)
      if (this.#closed || (connected && !isStale(error))) return
      if (!connected) await this.#cluster.connect()
      await refreshTopic(this.#cluster, topic)
    } catch {
      // Whoever owns this producer is told of the first error, and asks the cluster itself whether it is there.
    }
    // A connection that was opened while all of them were closed would stay.
    if (this.#closed) await this.#cluster.disconnect()
  }

  /** A broker that closed its connection is asked for anew. True where another connection is left. */
  #drop(error: unknown): boolean {
    if (isClosedBy(error)) this.#cluster.removeBroker({ host: error.host, port: error.port })

    return this.#cluster.isConnected()
  }
}

/** kafkajs sends nothing for such a partition, and says that all went well. */
class LeaderUnknown extends Error {
  /** Kafka's own word for it. */
  readonly type = 'LEADER_NOT_AVAILABLE'
}

function isClosedBy(error: unknown): error is KafkaJSConnectionError & { readonly host: string; readonly port: number } {
  return error instanceof Error && error.name === 'KafkaJSConnectionClosedError'
}

/** After such an error kafkajs' picture of the cluster may be wrong. */
function isStale(error: unknown): boolean {
  if (verdictOf(error) === 'not-yet') return true
  if (!(error instanceof Error)) return false

  return error.name.startsWith('KafkaJSConnection') || (error.name === 'KafkaJSProtocolError' && 'retriable' in error && error.retriable === true)
}
