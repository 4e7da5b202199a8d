import { BrokerRefused, type Outgoing, type PublishOutcome, type Settled, type TransportHost } from '@waybill/core'
import { ConfirmWatch } from './confirm-watch.js'
import type { Connection } from './connection.js'
import { type Descent, descentOf } from './descent.js'
import { type ConfirmChannel, type Model, openConfirmChannel } from './driver.js'
import { KeptChannel } from './kept-channel.js'
import { Ladder } from './ladder.js'
import { PublishWindow } from './publish-window.js'
import type { Names } from './topology.js'

export interface DelaysOptions {
  readonly host: TransportHost
  readonly names: Names
  /** On which delayed messages are sent. */
  readonly connection: Connection
  /** On which the ladder is made. */
  readonly model: () => Promise<Model>
}

interface Waiting {
  readonly message: Outgoing
  readonly descent: Descent
  readonly index: number
  readonly settled: Settled
}

/** Sends what the broker shall keep back: down the vhost's ladder, which is made when it is needed first. */
export class Delays {
  readonly #options: DelaysOptions
  readonly #ladder: Ladder
  readonly #kept: KeptChannel<ConfirmChannel>
  readonly #watch: ConfirmWatch
  #window: PublishWindow | undefined
  #waiting: Waiting[] = []
  #isMaking = false
  #drained: (() => void) | undefined

  constructor(options: DelaysOptions) {
    this.#options = options
    this.#ladder = new Ladder(options.model)
    this.#watch = new ConfirmWatch({ host: options.host, connection: options.connection, what: 'channel of delayed messages', renew: (reason) => this.#kept.renew(reason) })
    this.#kept = new KeptChannel({
      host: options.host,
      connection: options.connection,
      create: openConfirmChannel,
      attach: async (channel) => {
        this.#window = new PublishWindow(channel, { changed: () => this.#changed(), watch: this.#watch })
      },
      lost: (reason) => this.#lost(`the channel was lost before the broker confirmed: ${reason}`),
    })
  }

  start(): Promise<void> {
    return this.#kept.start()
  }

  revive(): void {
    this.#kept.revive()
  }

  publish(message: Outgoing, index: number, settled: Settled): void {
    const descent = descentOf(message, this.#options.names)
    if (typeof descent === 'string') return settled(index, { kind: 'rejected', reason: descent })
    const one = { message, descent, index, settled }
    if (this.#waiting.length === 0 && this.#ladder.has(descent)) return this.#write(one)
    this.#waiting.push(one)
    if (!this.#isMaking) void this.#makeWay()
  }

  /** Resolves when nothing is unconfirmed, or after the deadline; then the rest is `unknown`. */
  async close(deadlineMs: number): Promise<void> {
    if (this.#outstanding() > 0) {
      await new Promise<void>((resolve) => {
        const cancel = this.#options.host.runtime.after(deadlineMs, resolve)
        this.#drained = () => {
          cancel()
          resolve()
        }
      })
    }
    for (const one of this.#waiting.splice(0)) one.settled(one.index, unconnected)
    this.#lost('the transport was closed before the broker confirmed')
    void this.#kept.stop()
  }

  async #makeWay(): Promise<void> {
    this.#isMaking = true
    for (let next = this.#waiting[0]; next; next = this.#waiting[0]) {
      const outcome = this.#ladder.has(next.descent) ? undefined : await this.#make(next)
      if (this.#waiting[0] !== next) continue
      this.#waiting.shift()
      if (outcome) next.settled(next.index, outcome)
      else this.#write(next)
    }
    this.#isMaking = false
    this.#changed()
  }

  async #make({ descent, message }: Waiting): Promise<PublishOutcome | undefined> {
    try {
      await this.#ladder.make(descent)

      return undefined
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error)
      const isNobody = error instanceof BrokerRefused && error.code === 'UNKNOWN_DESTINATION' && message.mandatory

      return { kind: isNobody ? 'unroutable' : 'rejected', reason }
    }
  }

  // Always mandatory: a rung that is gone would drop it.
  #write({ descent, index, message, settled }: Waiting): void {
    if (!this.#window) return settled(index, unconnected)
    this.#window.add({ ...message, mandatory: true }, descent, index, (at, outcome) => settled(at, outcome.kind === 'unroutable' ? this.#broken(outcome.reason) : outcome))
    this.#window.flush()
  }

  #broken(reason: string): PublishOutcome {
    this.#ladder.forget()

    return { kind: 'rejected', reason: `a part of the delay ladder is gone and will be made again: ${reason}` }
  }

  #lost(reason: string): void {
    const window = this.#window
    this.#window = undefined
    this.#ladder.forget()
    window?.lose(reason)
    this.#changed()
  }

  #outstanding(): number {
    return this.#waiting.length + (this.#window?.size ?? 0)
  }

  #changed(): void {
    if (this.#outstanding() === 0) this.#drained?.()
  }
}

const unconnected: PublishOutcome = Object.freeze({ kind: 'rejected', reason: 'there is no connection to RabbitMQ' })
