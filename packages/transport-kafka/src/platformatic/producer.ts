import { BrokerRefused } from '@waybill/core'
import { beforeSending, verdictOf } from '../broker-error.js'
import { ByteReader } from '../byte-reader.js'
import type { Packing } from '../compression.js'
import { packingOf } from '../compression.js'
import type { BatchProducer } from '../driver.js'
import type { RecordBatch } from '../record-batch.js'
import { compressProduce, encodeProduce } from '../record-batch.js'
import type { PlatformaticCluster } from './cluster.js'

const produce = 0
/** Of those whose requests are alike, from 3 on, the last before the answer changes. */
const version = 7

/** Batches in bytes of ours, over connections of the library. */
export class PlatformaticProducer implements BatchProducer {
  readonly #cluster: PlatformaticCluster
  readonly #packing: Packing | undefined
  #isClosed = false

  constructor(cluster: PlatformaticCluster) {
    this.#cluster = cluster
    this.#packing = packingOf(cluster.to.options)
  }

  async connect(): Promise<void> {
    await this.#cluster.any()
  }

  async send(batch: RecordBatch): Promise<void> {
    if (this.#isClosed) throw new BrokerRefused('TRANSPORT_CLOSED', 'the transport is closed')
    try {
      await this.#send(batch)
    } catch (error) {
      const verdict = verdictOf(error)
      if (verdict === 'not-yet' || verdict === 'unknown') this.#cluster.forget(batch.topic)
      throw error
    }
  }

  async close(): Promise<void> {
    this.#isClosed = true
    this.#cluster.close()
  }

  async #send(batch: RecordBatch): Promise<void> {
    const broker = await beforeSending(this.#cluster.leaderOf(batch.topic, batch.partition))
    const plain = encodeProduce(batch)
    const bytes = this.#packing ? await compressProduce(plain, batch.topic, this.#packing) : plain
    const code = errorIn(await broker.exchange(produce, version, bytes))
    if (code !== 0) throw this.#cluster.answer(code)
  }
}

/** One topic, one partition of it, and what became of that. */
function errorIn(answer: Buffer): number {
  const reader = new ByteReader(answer)
  reader.int32()
  reader.text()
  reader.int32()
  reader.int32()

  return reader.int16()
}
