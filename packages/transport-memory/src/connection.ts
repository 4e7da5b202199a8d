import { BrokerRefused, type ConnectionState, type TransportHost } from '@waybill/core'
import type { Broker } from './broker/broker.js'
import type { Client, Session } from './broker/session.js'

/** Something that has to be made again on every new connection. */
export interface Attachment {
  attach(session: Session): void
}

/** The one connection to the broker: keeps it, restores it, and tells what becomes of it. */
export class Connection implements Client {
  readonly #broker: Broker
  readonly #attachments = new Set<Attachment>()
  #host: TransportHost | undefined
  #session: Session | undefined
  #isClosed = false
  #tries = 0
  #cancelRetry: (() => void) | undefined
  #waiters: Waiter[] = []
  #listener: (state: ConnectionState) => void = () => undefined
  #go: () => void = () => undefined

  constructor(broker: Broker) {
    this.#broker = broker
  }

  get app(): string {
    return this.#host?.app ?? ''
  }

  /** Undefined while there is none. */
  get session(): Session | undefined {
    return this.#session
  }

  get isWritable(): boolean {
    return this.#session !== undefined && !this.#broker.isBlocked
  }

  onState(listener: (state: ConnectionState) => void): void {
    this.#listener = listener
  }

  onWritable(go: () => void): void {
    this.#go = go
  }

  connect(host: TransportHost): Promise<Session> {
    if (this.#host !== undefined && !this.#isClosed)
      return Promise.reject(new BrokerRefused('ALREADY_CONNECTED', 'This memory transport is connected already. Give each app a transport of its own.'))
    this.#host = host
    const established = this.established()
    if (!this.#isClosed) this.#try(host)

    return established
  }

  /** Resolves when there is a connection; rejects when the transport closes first. */
  established(): Promise<Session> {
    if (this.#isClosed) return Promise.reject(closedError())
    if (this.#session !== undefined) return Promise.resolve(this.#session)

    return new Promise((resolve, reject) => this.#waiters.push({ resolve, reject }))
  }

  /** Attaches now and after every reconnect. */
  keep(attachment: Attachment): void {
    this.#attachments.add(attachment)
    if (this.#session !== undefined) attachment.attach(this.#session)
  }

  release(attachment: Attachment): void {
    this.#attachments.delete(attachment)
  }

  close(): void {
    if (this.#isClosed) return
    this.#isClosed = true
    this.#cancelRetry?.()
    if (this.#session !== undefined) this.#broker.disconnectSession(this.#session)
    this.#session = undefined
    this.#tell('closed', undefined)
    for (const { reject } of this.#takeWaiters()) reject(closedError())
  }

  /** Resolves when everything that was sent is settled. */
  async flush(): Promise<void> {
    await this.#session?.flush()
  }

  onLost(reason: string): void {
    this.#session = undefined
    if (this.#host !== undefined && !this.#isClosed) this.#retry(this.#host, reason)
  }

  onBlocked(): void {
    this.#tell('blocked', 'the memory broker takes no messages at present')
  }

  onUnblocked(): void {
    this.#tell('connected', undefined)
    this.#call(this.#go)
  }

  onError(error: unknown): void {
    this.#host?.log.error('A callback of the memory transport threw; the message is where it was.', { error: String(error) })
  }

  #try(host: TransportHost): void {
    this.#tell('connecting', undefined)
    const session = this.#broker.connect(this, host.runtime)
    if (session === undefined) return this.#retry(host, 'the memory broker is stopped')
    this.#tries = 0
    this.#session = session
    for (const attachment of this.#attachments) attachment.attach(session)
    this.#tell('connected', undefined)
    if (this.#broker.isBlocked) this.onBlocked()
    for (const { resolve } of this.#takeWaiters()) resolve(session)
    if (this.isWritable) this.#call(this.#go)
  }

  #retry(host: TransportHost, reason: string): void {
    const waitMs = Math.round(host.runtime.random() * Math.min(longestWaitMs, shortestWaitMs * 2 ** this.#tries++))
    this.#tell('lost', reason, waitMs)
    this.#cancelRetry = host.runtime.after(waitMs, () => this.#try(host))
  }

  #tell(kind: ConnectionState['kind'], reason: string | undefined, nextTryMs?: number): void {
    this.#call(() => this.#listener({ purpose: 'publishing and consuming', kind, reason, ...(nextTryMs !== undefined && { nextTryMs }) }))
  }

  /** What core's callbacks throw must not reach the broker. */
  #call(callback: () => void): void {
    try {
      callback()
    } catch (error) {
      this.onError(error)
    }
  }

  #takeWaiters(): Waiter[] {
    const waiters = this.#waiters
    this.#waiters = []

    return waiters
  }
}

interface Waiter {
  readonly resolve: (session: Session) => void
  readonly reject: (error: Error) => void
}

function closedError(): BrokerRefused {
  return new BrokerRefused('TRANSPORT_CLOSED', 'The memory transport was closed. Make a new one with memory().')
}

const shortestWaitMs = 100
const longestWaitMs = 30_000
