import type { Destination, Outgoing, PublishOutcome, Settled, TransportHost } from '@waybill/core'
import type { Connection } from './connection.js'
import { ConfirmWatch } from './confirm-watch.js'
import { type ConfirmChannel, openConfirmChannel } from './driver.js'
import { KeptChannel } from './kept-channel.js'
import { PublishWindow } from './publish-window.js'
import type { Names } from './topology.js'
import { replyToMe, type Route } from './wire.js'

/** So much is held unconfirmed, messages and bytes of bodies; then `writable` is false until half of it is confirmed. */
const most = { messages: 4_096, bytes: 64 * 1024 * 1024 }

/** What is on its way to other queues has so long to be confirmed before a channel is given up because of one. */
const graceMs = 500

export interface PublisherOptions {
  readonly host: TransportHost
  readonly connection: Connection
  readonly names: Names
  readonly maxBodyBytes: () => number
  /** The broker closed the channel with a reason: maybe something is no longer there. */
  readonly refused: (reason: string) => void
  /** A message found no queue. */
  readonly unrouted: (route: Route) => void
  /** There is no queue for the dead letters of a group. */
  readonly missing: (queue: string) => void
}

/** Sends with an outcome for each message. One channel, and a second one for queries, which carries their replies too. */
export class Publisher {
  readonly #options: PublisherOptions
  readonly #kept: KeptChannel<ConfirmChannel>
  readonly #watch: ConfirmWatch
  #window: PublishWindow | undefined
  #queries: PublishWindow | undefined
  #isHeavy = false
  #isTurning = false
  #wasWritable = false
  #isClosed = false
  #go: () => void = () => undefined
  #drained: (() => void) | undefined

  constructor(options: PublisherOptions) {
    this.#options = options
    this.#watch = new ConfirmWatch({ host: options.host, connection: options.connection, what: 'publishing channel', renew: (reason) => this.#turn(reason) })
    this.#kept = new KeptChannel({
      host: options.host,
      connection: options.connection,
      create: openConfirmChannel,
      attach: async (channel) => {
        this.#window = this.openWindow(channel, this.#watch)
      },
      opened: () => this.changed(),
      lost: (reason) => this.#lost(reason),
    })
  }

  start(): Promise<void> {
    return this.#kept.start()
  }

  /** The connection is there again, or takes messages again. */
  revive(): void {
    this.#kept.revive()
    this.changed()
  }

  get writable(): boolean {
    return (
      !this.#isClosed &&
      !this.#isTurning &&
      this.#kept.channel !== undefined &&
      !this.#options.connection.isBlocked &&
      !this.#isHeavy &&
      !this.#window?.isFull &&
      !this.#queries?.isFull
    )
  }

  onWritable(go: () => void): void {
    this.#go = go
  }

  publish(batch: readonly Outgoing[], settled: Settled): void {
    const safe = guarded(settled, this.#options.host)
    for (let index = 0; index < batch.length; index++) this.#publish(batch[index] as Outgoing, index, safe)
    this.#window?.flush()
    this.#queries?.flush()
    this.changed()
  }

  /** The window of a channel that carries queries and their replies; undefined where there is none now. */
  useForQueries(window: PublishWindow | undefined): void {
    this.#queries = window
    this.changed()
  }

  openWindow(channel: ConfirmChannel, watch: ConfirmWatch): PublishWindow {
    return new PublishWindow(channel, { changed: () => this.changed(), watch, unrouted: (route) => this.#options.unrouted(route) })
  }

  /** Resolves when nothing is unconfirmed, or after the deadline; then the rest is `unknown`. */
  async close(deadlineMs: number): Promise<void> {
    this.#isClosed = true
    await this.#drain(deadlineMs)
    const reason = 'the transport was closed before the broker confirmed'
    this.#window?.lose(reason)
    this.#queries?.lose(reason)
    // The goodbye of the connection closes the channel; waiting for it here could outlast the deadline.
    void this.#kept.stop()
  }

  /** Something that `writable` depends on is different now. */
  changed(): void {
    this.#weigh()
    const isWritable = this.writable
    const hasOpened = isWritable && !this.#wasWritable
    this.#wasWritable = isWritable
    if (this.#outstanding() === 0) this.#drained?.()
    if (!hasOpened) return
    try {
      this.#go()
    } catch (error) {
      this.#options.host.log.error(`The callback for a writable transport threw: ${String(error)}.`)
    }
  }

  #publish(message: Outgoing, index: number, settled: Settled): void {
    const refusal = this.#refusalOf(message)
    if (refusal !== undefined) return settled(index, { kind: 'rejected', reason: refusal })
    const window = message.replyTo === replyToMe ? this.#queries : this.#window
    if (!window) return settled(index, { kind: 'rejected', reason: 'there is no connection to RabbitMQ' })
    const route = this.#routeOf(message.to, message)
    window.add(message, route, index, message.to.kind === 'dead' ? (at, outcome) => this.#watched(route.routingKey, outcome, () => settled(at, outcome)) : settled)
  }

  // Nobody consumes that queue, so nobody else learns that it is gone.
  #watched(queue: string, { kind }: PublishOutcome, settled: () => void): void {
    if (kind === 'unroutable') this.#options.missing(queue)
    settled()
  }

  #refusalOf(message: Outgoing): string | undefined {
    if (this.#isClosed) return 'the transport is closed'
    if (message.body.byteLength > this.#options.maxBodyBytes()) return `its body of ${message.body.byteLength} bytes is over the broker's limit of ${this.#options.maxBodyBytes()}`
    if (message.to.kind === 'reply' && !message.to.address.startsWith(`${replyToMe}.`))
      return `the reply address is not one of "${replyToMe}.…": a reply goes to who asked, and to no other queue`

    return undefined
  }

  #routeOf(to: Destination, { envelope }: Outgoing): Route {
    const { names } = this.#options
    switch (to.kind) {
      case 'channel':
        return names.route(to.channel, envelope.type, envelope.subject)
      case 'group':
        return straightTo(names.queueOf(to.channel, to.group, envelope.subject))
      case 'dead':
        return straightTo(names.deadQueue(to.channel, to.group))
      case 'reply':
        return straightTo(to.address)
    }
  }

  #turn(reason: string): void {
    this.#isTurning = true
    this.#options.host.runtime.after(graceMs, () => {
      this.#isTurning = false
      this.#kept.renew(reason)
      this.changed()
    })
  }

  #lost(reason: string): void {
    const window = this.#window
    this.#window = undefined
    window?.lose(`the channel was lost before the broker confirmed: ${reason}${reason.startsWith('ACCESS_REFUSED') ? '. Give the user the right to write there' : ''}`)
    if (this.#options.connection.model) this.#options.refused(reason)
    this.changed()
  }

  #weigh(): void {
    const bytes = (this.#window?.bytes ?? 0) + (this.#queries?.bytes ?? 0)
    const share = this.#isHeavy ? 0.5 : 1
    this.#isHeavy = bytes > most.bytes * share || this.#outstanding() > most.messages * share
  }

  #outstanding(): number {
    return (this.#window?.size ?? 0) + (this.#queries?.size ?? 0)
  }

  #drain(deadlineMs: number): Promise<void> {
    if (this.#outstanding() === 0) return Promise.resolve()

    return new Promise((resolve) => {
      const cancel = this.#options.host.runtime.after(deadlineMs, resolve)
      this.#drained = () => {
        cancel()
        resolve()
      }
    })
  }
}

function straightTo(queue: string): Route {
  return { exchange: '', routingKey: queue, copies: undefined }
}

// What core's callback throws would reach the driver, and close the connection for everybody.
export function guarded(settled: Settled, host: TransportHost): Settled {
  return (index: number, outcome: PublishOutcome) => {
    try {
      settled(index, outcome)
    } catch (error) {
      host.log.error(`The callback for a publish outcome threw: ${String(error)}.`)
    }
  }
}
