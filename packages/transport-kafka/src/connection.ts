import type { Socket } from 'node:net'
import { connect as open, isIP } from 'node:net'
import { connect as openTls } from 'node:tls'
import type { ConnectionState, TransportHost } from '@waybill/core'
import { Backoff, BrokerRefused } from '@waybill/core'
import type { Admin, ISocketFactoryArgs, LogEntry } from 'kafkajs'
import { Kafka, logLevel } from 'kafkajs'
import { isTlsRefusal, sentenceOf, verdictOf } from './broker-error.js'
import type { ResolvedOptions } from './options.js'
import { BatchProducer } from './producer.js'
import { loginOf } from './security.js'

const probeMs = 5_000
const keepAliveMs = 60_000
const purpose = 'publishing'

/** The client of one cluster, and whether that cluster can be reached. */
export class Connection {
  readonly kafka: Kafka
  readonly admin: Admin
  readonly producer: BatchProducer
  readonly compresses: boolean
  readonly #host: TransportHost
  readonly #brokers: string
  readonly #tell: (state: ConnectionState) => void
  readonly #onRestored: () => void
  readonly #backoff: Backoff
  #state: 'connecting' | 'connected' | 'lost' | 'closed' = 'connecting'
  #cancelProbe: () => void = () => {}
  #probing = false

  constructor(options: ResolvedOptions, host: TransportHost, tell: (state: ConnectionState) => void, onRestored: () => void) {
    this.kafka = openKafka(options, host)
    this.producer = new BatchProducer(this.kafka, options.compression)
    this.compresses = options.compression !== 'none'
    this.admin = this.kafka.admin()
    this.#host = host
    this.#brokers = options.brokers.join(', ')
    this.#tell = tell
    this.#onRestored = onRestored
    this.#backoff = new Backoff(host.runtime)
  }

  get isConnected(): boolean {
    return this.#state === 'connected'
  }

  get isClosed(): boolean {
    return this.#state === 'closed'
  }

  /** Tries for ever. Rejects where trying cannot help, and when it is closed meanwhile. Resolves with a name for the cluster. */
  async connect(): Promise<string> {
    while (!this.isClosed) {
      this.#enter('connecting', `${this.#brokers} has not answered yet`)
      try {
        const name = await Promise.race([this.#open(), this.#backoff.cancelled])
        if (name !== undefined && !this.isClosed) return this.#connected(name)
      } catch (error) {
        if (verdictOf(error) === 'refused' || isTlsRefusal(error)) throw this.#refusal(error)
        await this.#backoff.pause((ms) => this.#enter('lost', `${sentenceOf(error)}; next try in ${ms} ms`))
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
    await Promise.allSettled([this.producer.close(), this.admin.disconnect()])
  }

  async #open(): Promise<string> {
    await this.admin.connect()
    const { clusterId, brokers } = await this.admin.describeCluster()
    await this.producer.connect()

    return `Kafka cluster ${clusterId}, ${brokers.length} broker${brokers.length === 1 ? '' : 's'}`
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
        await this.admin.describeCluster()
        break
      } catch (error) {
        await this.#backoff.pause((ms) => this.#enter('lost', `${sentenceOf(error)}; next try in ${ms} ms`))
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

  #enter(kind: 'connecting' | 'connected' | 'lost' | 'closed', reason: string | undefined): void {
    if (this.#state === 'closed') return
    this.#state = kind
    this.#tell({ purpose, kind, reason })
  }

  #refusal(error: unknown): BrokerRefused {
    return new BrokerRefused(
      'KAFKA_REFUSED',
      `Kafka at ${this.#brokers} was expected to let this app in and refused: ${sentenceOf(error)}. Check "sasl", "ssl" and the rights of the user.`,
      { cause: error },
    )
  }
}

function openKafka(options: ResolvedOptions, host: TransportHost): Kafka {
  return new Kafka({
    clientId: `${host.app}-${host.instance}`,
    brokers: [...options.brokers],
    ...(options.ssl === undefined ? {} : { ssl: options.ssl }),
    ...(options.sasl === undefined ? {} : { sasl: loginOf(options.sasl) }),
    // Of kafkajs' own making they collect small requests: one behind another waits 40 ms for an acknowledgement of TCP.
    socketFactory: openSocket,
    connectionTimeout: 3_000,
    requestTimeout: options.requestTimeoutMs,
    retry: { retries: 2, initialRetryTime: 100, maxRetryTime: 1_000, restartOnFailure: () => Promise.resolve(false) },
    logLevel: logLevel.INFO,
    logCreator: () => (entry) => speak(host, entry),
  })
}

function openSocket({ host, port, ssl, onConnect }: ISocketFactoryArgs): Socket {
  // kafkajs gives nothing where TLS is off, whatever its types say.
  const tls: ISocketFactoryArgs['ssl'] | undefined = ssl
  const socket = tls ? openTls({ host, port, ...(isIP(host) ? {} : { servername: host }), ...tls }, onConnect) : open({ host, port }, onConnect)
  socket.setKeepAlive(true, keepAliveMs)
  socket.setNoDelay(true)

  return socket
}

/** kafkajs logs much and calls most of it an error. What matters is told by states, outcomes and health. */
function speak({ log }: TransportHost, { namespace, label, log: { message } }: LogEntry): void {
  try {
    log.debug(`kafkajs: ${message}`, { namespace, level: label })
  } catch {
    // A logger that throws changes nothing for messages.
  }
}
