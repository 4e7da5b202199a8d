import type { ConnectionState, TransportHost } from '@waybill/core'
import { Backoff, BrokerRefused, countOf } from '@waybill/core'
import { isTlsRefusal, sentenceOf, verdictOf } from './broker-error.js'
import type { BatchProducer, ClusterAdmin, KafkaClient } from './driver.js'
import type { ResolvedOptions } from './options.js'

const probeMs = 5_000
const purpose = 'publishing'

export interface ConnectionOwner {
  readonly host: TransportHost
  readonly tell: (state: ConnectionState) => void
  readonly onRestored: () => void
}

/** The client of one cluster, and whether that cluster can be reached. */
export class Connection {
  readonly client: KafkaClient
  readonly compresses: boolean
  readonly #host: TransportHost
  readonly #brokers: string
  readonly #tell: (state: ConnectionState) => void
  readonly #onRestored: () => void
  readonly #backoff: Backoff
  #state: 'connecting' | 'connected' | 'lost' | 'closed' = 'connecting'
  #cancelProbe: () => void = () => {}
  #probing = false

  constructor(client: KafkaClient, options: ResolvedOptions, { host, tell, onRestored }: ConnectionOwner) {
    this.client = client
    this.compresses = options.compression !== 'none'
    this.#host = host
    this.#brokers = options.brokers.join(', ')
    this.#tell = tell
    this.#onRestored = onRestored
    this.#backoff = new Backoff(host.runtime)
  }

  get admin(): ClusterAdmin {
    return this.client.admin
  }

  get producer(): BatchProducer {
    return this.client.producer
  }

  get isConnected(): boolean {
    return this.#state === 'connected'
  }

  get isClosed(): boolean {
    return this.#state === 'closed'
  }

  /** Tries for ever. Rejects where trying cannot help, and when it is closed meanwhile. Resolves with a name for the cluster. */
  async connect(): Promise<string> {
    let reason = `${this.#brokers} has not answered yet`
    while (!this.isClosed) {
      this.#enter('connecting', reason)
      try {
        const name = await Promise.race([this.#open(), this.#backoff.cancelled])
        if (name !== undefined && !this.isClosed) return this.#connected(name)
      } catch (error) {
        if (verdictOf(error) === 'refused' || isTlsRefusal(error)) throw this.#refusal(error)
        reason = sentenceOf(error)
        await this.#pause(reason)
      }
    }
    throw new BrokerRefused('TRANSPORT_CLOSED', `The connection to Kafka at ${this.#brokers} was closed before it stood. Start the app again.`)
  }

  /** Something failed that looks like a lost cluster: finds out, and tells when it is back. */
  suspect(): void {
    if (this.#state !== 'connected' || this.#probing) return
    this.#cancelProbe()
    void this.#probe()
  }

  async close(): Promise<void> {
    if (this.isClosed) return
    this.#cancelProbe()
    this.#backoff.cancel()
    this.#enter('closed', undefined)
    await Promise.allSettled([this.producer.close(), this.admin.close()])
  }

  async #open(): Promise<string> {
    await this.admin.connect()
    const { id, brokers } = await this.admin.describe()
    await this.producer.connect()

    return `Kafka cluster ${id}, ${countOf(brokers, 'broker')}`
  }

  #connected(name: string): string {
    this.#backoff.reset()
    this.#enter('connected', undefined)
    this.#schedule()

    return name
  }

  #schedule(): void {
    this.#cancelProbe = this.#host.runtime.after(probeMs, () => void this.#probe())
  }

  /** Never rejects. Ends with the cluster reached or with everything closed. */
  async #probe(): Promise<void> {
    this.#probing = true
    while (!this.isClosed) {
      try {
        await this.admin.describe()
        break
      } catch (error) {
        await this.#pause(sentenceOf(error))
      }
    }
    this.#probing = false
    if (!this.isClosed) this.#reached()
  }

  #reached(): void {
    this.#backoff.reset()
    this.#schedule()
    if (this.#state === 'connected') return
    this.#enter('connected', undefined)
    this.#onRestored()
  }

  #pause(reason: string): Promise<void> {
    return this.#backoff.pause((ms) => this.#enter('lost', reason, ms))
  }

  #enter(kind: 'connecting' | 'connected' | 'lost' | 'closed', reason: string | undefined, nextTryMs?: number): void {
    if (this.#state === 'closed') return
    this.#state = kind
    this.#tell({ purpose, kind, reason, ...(nextTryMs !== undefined && { nextTryMs }) })
  }

  #refusal(error: unknown): BrokerRefused {
    return new BrokerRefused(
      'KAFKA_REFUSED',
      `Kafka at ${this.#brokers} was expected to let this app in and refused: ${sentenceOf(error)}. Check "sasl", "ssl" and the rights of the user.`,
      { cause: error },
    )
  }
}
