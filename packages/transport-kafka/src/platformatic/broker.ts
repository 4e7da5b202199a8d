import { isIP } from 'node:net'
import type { Runtime } from '@waybill/core'
import type { API, Callback, Connection, ConnectionOptions, SASLOptions } from '@platformatic/kafka'
import type { ResolvedOptions } from '../options.js'
import type { KafkaLogin } from '../security.js'
import type { Library } from './library.js'
import { AnswerLate, toldBy } from './told.js'

const connectMs = 3_000
/** The library holds back what is more; how much is under way is decided elsewhere. */
const mostUnanswered = 10_000

export interface Address {
  readonly host: string
  readonly port: number
}

export interface BrokerOptions {
  readonly library: Library
  readonly clientId: string
  readonly options: ResolvedOptions
  readonly runtime: Runtime
}

/** One connection of the library. Every request has its time; with one that is not answered the connection goes. */
export class Broker {
  readonly #connection: Connection
  readonly #to: BrokerOptions
  readonly #address: string
  #reason: Error | undefined

  private constructor(connection: Connection, to: BrokerOptions, { host, port }: Address) {
    this.#connection = connection
    this.#to = to
    this.#address = `${host}:${port}`
  }

  static async open(address: Address, to: BrokerOptions): Promise<Broker> {
    const connection = new to.library.Connection(to.clientId, connectionOptions(address.host, to.options))
    const broker = new Broker(connection, to, address)
    // Whoever asked for something is told; an error that nobody listens to would end the process.
    connection.on('error', (error: Error) => broker.#broke(error))
    await broker.#within(connection.connect(address.host, address.port) as Promise<void>, 0)

    return broker
  }

  get isOpen(): boolean {
    return this.#connection.isConnected()
  }

  onClosed(forget: () => void): void {
    this.#connection.once('close', forget)
  }

  /** `waitMs`: so long the broker may wait before it answers. */
  call<A extends unknown[], R>({ api }: { readonly api: API<A, R> }, args: A, waitMs = 0): Promise<R> {
    return this.#within(api.async(this.#connection, ...args), waitMs)
  }

  /** A request in bytes of ours, whose answer comes as it is. */
  exchange(apiKey: number, version: number, request: Buffer, waitMs = 0): Promise<Buffer> {
    const { Writer } = this.#to.library
    const answer = new Promise<Buffer>((resolve, reject) => {
      const done: Callback<Buffer> = (error, bytes) => (error ? reject(error) : resolve(bytes))
      this.#connection.send(
        apiKey,
        version,
        () => Writer.create().append(request),
        (_id, _key, _version, reader) => reader.buffer.buffer,
        false,
        false,
        done,
      )
    })

    return this.#within(answer, waitMs)
  }

  /** At once: what was asked and not answered is rejected. */
  close(): void {
    this.#connection.close(() => {})
    // The library waits for the other side to hang up as well.
    ;(this.#connection as Partial<Connection>).socket?.destroy()
  }

  #broke(error: Error): void {
    this.#reason ??= error
    this.close()
  }

  async #within<T>(work: Promise<T>, waitMs: number): Promise<T> {
    const ms = this.#to.options.requestTimeoutMs + waitMs
    let cancel: () => void = () => {}
    const late = new Promise<never>((_, reject) => {
      cancel = this.#to.runtime.after(ms, () => {
        reject(new AnswerLate(this.#address, ms))
        this.close()
      })
    })
    try {
      return await Promise.race([work, late])
    } catch (error) {
      // Those who wait hear only that the connection is closed.
      throw toldBy(error instanceof AnswerLate ? error : (this.#reason ?? error), this.#address)
    } finally {
      cancel()
    }
  }
}

function connectionOptions(host: string, { ssl, sasl }: ResolvedOptions): ConnectionOptions {
  const tls = ssl === undefined || ssl === false ? undefined : { ...(isIP(host) ? {} : { servername: host }), ...(ssl === true ? {} : ssl) }

  return {
    connectTimeout: connectMs,
    maxInflights: mostUnanswered,
    ...(tls === undefined ? {} : { tls }),
    ...(sasl === undefined ? {} : { sasl: loginOf(sasl) }),
  }
}

/** The same in words of the library. */
function loginOf(login: KafkaLogin): SASLOptions {
  if (login.mechanism === 'oauthbearer') return { mechanism: 'OAUTHBEARER', token: login.token }
  const mechanisms = { plain: 'PLAIN', 'scram-sha-256': 'SCRAM-SHA-256', 'scram-sha-512': 'SCRAM-SHA-512' } as const

  return { mechanism: mechanisms[login.mechanism], username: login.username, password: login.password }
}
