import { Backoff, BrokerRefused, type ConnectionState, type TransportHost, WaybillError } from '@waybill/core'
import { type Model, openModel } from './driver.js'
import type { Endpoint } from './endpoint.js'
import { reasonOfConnect, refusalOfConnect, sentenceOf } from './refusal.js'

/** A connection that lived shorter than this counts as a failed try, so that one that dies at once is not opened in a loop. */
const settledAfterMs = 1_000

/** A port on which nobody listens is asked for at least so often: that costs a starting broker nothing, and whoever waits for it some seconds less. */
const absentMs = 4_000

export interface ConnectionOptions {
  readonly purpose: string
  readonly host: TransportHost
  readonly endpoints: readonly Endpoint[]
  readonly tell: (state: ConnectionState) => void
  /** What has to be there again before the connection counts as connected. It may reject; then the connection is tried anew. */
  readonly prepare: (model: Model) => Promise<void>
  /** Called for each thing that lives on the connection and waits for it. */
  readonly ready: () => void
}

/** One connection for one purpose, kept for ever: lost, it is tried again until `close`. */
export class Connection {
  readonly #options: ConnectionOptions
  readonly #backoff: Backoff
  #model: Model | undefined
  #hardEnd = new AbortController()
  #tries = 0
  #openedAt = 0
  #cancelTimer: (() => void) | undefined
  #state: ConnectionState['kind'] = 'connecting'
  #reason: string | undefined
  #everOpened = false
  #closing: Promise<void> | undefined
  #first: { resolve: (model: Model) => void; reject: (error: Error) => void } | undefined
  #gone: (() => void) | undefined

  constructor(options: ConnectionOptions) {
    this.#options = options
    this.#backoff = new Backoff(options.host.runtime)
  }

  /** Resolves with the first model. Rejects where trying again cannot help, and when closed meanwhile. */
  open(): Promise<Model> {
    return new Promise((resolve, reject) => {
      this.#first = { resolve, reject }
      this.#try()
    })
  }

  /** The driver's connection, while it stands and is prepared. */
  get model(): Model | undefined {
    return this.#model
  }

  get isBlocked(): boolean {
    return this.#state === 'blocked'
  }

  get isClosed(): boolean {
    return this.#closing !== undefined
  }

  /** Says goodbye, and hangs up when that takes longer. Ends a try that is under way at once. */
  close(deadlineMs: number): Promise<void> {
    this.#closing ??= this.#close(deadlineMs)

    return this.#closing
  }

  async #close(deadlineMs: number): Promise<void> {
    this.#cancelTimer?.()
    this.#first?.reject(new WaybillError('CLOSED', `The connection for ${this.#options.purpose} was closed before it was connected.`))
    this.#first = undefined
    const model = this.#model
    if (model) await this.#sayGoodbye(model, deadlineMs)
    this.#hardEnd.abort()
    this.#model = undefined
    this.#tell('closed', undefined)
  }

  #sayGoodbye(model: Model, deadlineMs: number): Promise<void> {
    return new Promise((resolve) => {
      const cancel = this.#options.host.runtime.after(deadlineMs, resolve)
      this.#gone = () => {
        cancel()
        resolve()
      }
      try {
        model.close()
      } catch {
        // The driver throws where the connection is gone already, which is what was asked for.
        this.#gone()
      }
    })
  }

  #try(): void {
    if (this.isClosed) return
    const { endpoints } = this.#options
    const endpoint = endpoints[this.#tries % endpoints.length] as Endpoint
    this.#tries++
    this.#tell('connecting', this.#reason ?? `"${endpoint.label}" has not answered yet`)
    this.#open(endpoint).then(
      (model) => this.#opened(model),
      (error: unknown) => this.#missed(error, endpoint),
    )
  }

  async #open(endpoint: Endpoint): Promise<Model> {
    const { host, purpose } = this.#options
    const hardEnd = new AbortController()
    this.#hardEnd = hardEnd
    const clientProperties = { connection_name: `${host.app} ${purpose}`, product: 'Waybill', 'waybill-instance': host.instance }

    return openModel(endpoint.target, { ...(await endpoint.socket(host.runtime, hardEnd.signal)), clientProperties, signal: hardEnd.signal })
  }

  async #opened(model: Model): Promise<void> {
    const hardEnd = this.#hardEnd
    if (this.isClosed) return hardEnd.abort()
    let isLost = false
    let reason: string | undefined
    const lose = (error: Error | undefined) => {
      reason ??= error && sentenceOf(error)
      if (isLost) return
      isLost = true
      // After an error the driver waits for the broker's goodbye, which may never come.
      setImmediate(() => hardEnd.abort())
      this.#lost(model, reason ?? 'the broker closed it')
    }
    model.on('error', lose)
    model.on('close', lose)
    model.on('blocked', (why: string) => this.#tell('blocked', why))
    model.on('unblocked', () => this.#unblocked())
    this.#openedAt = this.#options.host.runtime.elapsed()
    try {
      await this.#options.prepare(model)
    } catch (error) {
      if (this.#first && error instanceof BrokerRefused) return this.#refused(error)
      lose(error instanceof Error ? error : undefined)
    }
    if (!isLost) this.#connected(model)
  }

  #connected(model: Model): void {
    if (this.isClosed) return this.#hardEnd.abort()
    this.#model = model
    this.#everOpened = true
    this.#reason = undefined
    this.#tell('connected', undefined)
    this.#first?.resolve(model)
    this.#first = undefined
    this.#options.ready()
  }

  #unblocked(): void {
    this.#tell('connected', undefined)
    this.#options.ready()
  }

  #missed(error: unknown, endpoint: Endpoint): void {
    if (this.isClosed) return
    const refused = refusalOfConnect(error, endpoint.label, endpoint.vhost)
    // Later a refusal may be a broker that is still starting, so only the first connection gives up.
    if (refused && !this.#everOpened) return this.#refused(refused)
    this.#retry(refused?.message ?? `"${endpoint.label}": ${reasonOfConnect(error)}`, isNobodyThere(error) ? absentMs : undefined)
  }

  #refused(error: BrokerRefused): void {
    const first = this.#first
    this.#first = undefined
    first?.reject(error)
    void this.close(0)
  }

  #lost(model: Model, reason: string): void {
    if (this.isClosed) return this.#gone?.()
    if (this.#model === model) this.#model = undefined
    if (this.#options.host.runtime.elapsed() - this.#openedAt >= settledAfterMs) this.#backoff.reset()
    this.#retry(reason)
  }

  #retry(reason: string, mostMs?: number): void {
    const waitMs = this.#backoff.next(mostMs)
    this.#reason = reason
    this.#tell('lost', reason, waitMs)
    this.#cancelTimer = this.#options.host.runtime.after(waitMs, () => this.#try())
  }

  #tell(kind: ConnectionState['kind'], reason: string | undefined, nextTryMs?: number): void {
    this.#state = kind
    this.#options.tell({ purpose: this.#options.purpose, kind, reason, ...(nextTryMs !== undefined && { nextTryMs }) })
  }
}

function isNobodyThere(error: unknown): boolean {
  return (error as { code?: unknown } | null)?.code === 'ECONNREFUSED'
}
