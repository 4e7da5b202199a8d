import { Backoff, type TransportHost, WaybillError } from '@waybill/core'
import type { Connection } from './connection.js'
import { type Channel, closeChannel, type Model } from './driver.js'
import { replyCodeOf, sentenceOf } from './refusal.js'

export interface KeptChannelOptions<C extends Channel> {
  readonly host: TransportHost
  readonly connection: Connection
  readonly create: (model: Model) => Promise<C>
  /** Does on the channel what it is for. */
  readonly attach: (channel: C, model: Model) => Promise<unknown>
  /** It is there, for the first time or again. */
  readonly opened?: () => void
  /** The channel is gone, with everything on it. */
  readonly lost: (reason: string) => void
}

/** One channel, kept: opened again with its connection, and with back-off where it alone is lost. */
export class KeptChannel<C extends Channel = Channel> {
  readonly #options: KeptChannelOptions<C>
  readonly #backoff: Backoff
  #channel: C | undefined
  #reason: string | undefined = 'not attached yet'
  #isOpening = false
  #isStopped = false
  #cancelTimer: (() => void) | undefined
  #first: { resolve: () => void; reject: (error: unknown) => void } | undefined

  constructor(options: KeptChannelOptions<C>) {
    this.#options = options
    this.#backoff = new Backoff(options.host.runtime)
  }

  /** Resolves when it is open for the first time. Rejects where the broker refuses that, or when stopped meanwhile. */
  start(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#first = { resolve, reject }
      this.revive()
    })
  }

  get channel(): C | undefined {
    return this.#channel
  }

  /** Why there is no channel. */
  get reason(): string | undefined {
    return this.#reason
  }

  /** Tries now: the connection is there, or the wait is over. */
  revive(): void {
    const { model } = this.#options.connection
    if (!model || this.#channel || this.#isOpening || this.#isStopped) return
    this.#cancelTimer?.()
    this.#isOpening = true
    this.#open(model).then(
      (channel) => this.#opened(channel),
      (error: unknown) => this.#missed(error),
    )
  }

  // It is watched from the beginning: the broker may close it in the turn in which it accepts the consumer.
  async #open(model: Model): Promise<C> {
    const channel = await this.#options.create(model)
    let why: string | undefined
    let isClosed = false
    channel.on('error', (error: Error) => {
      why = sentenceOf(error)
    })
    channel.on('close', () => {
      isClosed = true
      this.#lost(channel, why ?? 'the connection was lost')
    })
    try {
      await this.#options.attach(channel, model)
    } catch (error) {
      if (!isClosed) void closeChannel(channel)
      throw error
    }
    if (isClosed) throw new Error(why ?? 'the connection was lost')

    return channel
  }

  /** What lives on the channel is broken, though the channel itself is not: give it up and open another. */
  renew(reason: string): void {
    const channel = this.#channel
    if (!channel) return
    this.#lost(channel, reason)
    void closeChannel(channel)
  }

  async stop(): Promise<void> {
    this.#isStopped = true
    this.#cancelTimer?.()
    this.#first?.reject(new WaybillError('CLOSED', 'It was closed before it was attached.'))
    this.#first = undefined
    const channel = this.#channel
    this.#channel = undefined
    this.#reason = 'closed'
    if (channel) await closeChannel(channel)
  }

  #opened(channel: C): void {
    this.#isOpening = false
    if (this.#isStopped) return void closeChannel(channel)
    this.#channel = channel
    this.#reason = undefined
    this.#backoff.reset()
    this.#first?.resolve()
    this.#first = undefined
    this.#options.opened?.()
  }

  #missed(error: unknown): void {
    this.#isOpening = false
    this.#reason = error instanceof WaybillError ? error.message : sentenceOf(error)
    if (this.#isStopped) return
    if (this.#first && (error instanceof WaybillError || replyCodeOf(error) !== undefined)) {
      this.#isStopped = true
      this.#first.reject(error)
      return
    }
    this.#retry()
  }

  #lost(channel: C, reason: string): void {
    if (this.#channel !== channel) return
    this.#channel = undefined
    this.#reason = reason
    this.#options.lost(reason)
    this.#retry()
  }

  #retry(): void {
    if (this.#isStopped) return
    this.#cancelTimer?.()
    this.#cancelTimer = this.#options.host.runtime.after(this.#backoff.next(), () => this.revive())
  }
}
