import type { TransportHost } from '@waybill/core'
import { countOf } from '@waybill/core'
import type { Attachment } from './attachment.js'
import type { Connection } from './connection.js'
import { openQuietChannel } from './declarations.js'
import { call, closeChannel, type Model } from './driver.js'

/** So often a process that has more than one ordered queue looks whether others wait for them. */
const periodMs = 1_000

export interface SpreadingOptions {
  readonly label: string
  readonly channel: string
  readonly host: TransportHost
  readonly connection: Connection
  /** The group's queue of messages without a key, which every process of the group consumes. */
  readonly shared: Attachment
  /** One for each ordered queue of the group. */
  readonly attachments: readonly Attachment[]
}

/**
 * Spreads the ordered queues of a group over the processes that take from it. The broker gives each to who came first, so all to one:
 * who is active on more than its share yields the rest, and subscribes again at the end of the line.
 */
export class Spreading {
  readonly #options: SpreadingOptions
  #cancel: (() => void) | undefined
  #hasSpoken = false
  #isStopped = false

  constructor(options: SpreadingOptions) {
    this.#options = options
  }

  start(): void {
    this.#sayStandby()
    if (this.#options.attachments.length > 1) this.#watch()
  }

  stop(): void {
    this.#isStopped = true
    this.#cancel?.()
  }

  #watch(): void {
    if (this.#isStopped) return
    this.#cancel = this.#options.host.runtime.after(periodMs, () => {
      // What goes wrong here is told by the attachments themselves.
      void this.#spread().then(
        () => this.#watch(),
        () => this.#watch(),
      )
    })
  }

  async #spread(): Promise<void> {
    const { attachments, connection, shared } = this.#options
    const active = attachments.filter(({ isActive }) => isActive)
    if (active.length < 2 || !connection.model) return
    const processes = await consumersOf(connection.model, shared.queue)
    const share = Math.ceil(attachments.filter(({ isNeeded }) => isNeeded).length / Math.max(1, processes))
    for (const surplus of active.slice(share)) surplus.yield()
  }

  #sayStandby(): void {
    const { attachments, channel, host, label, shared } = this.#options
    const processes = shared.consumersBefore + 1
    if (this.#hasSpoken || processes <= attachments.length || attachments.some(({ isActive }) => isActive)) return
    this.#hasSpoken = true
    host.log.info(
      `This process stands by for messages with a key of ${label}: ${processes} processes share ${countOf(attachments.length, 'ordered queue')}, and one works on each. ` +
        `To share the work, set \`channels: { "${channel}": { partitions: ${processes} } }\` or more.`,
    )
  }
}

// Of a queue with a single active consumer the broker counts that one alone, so the queue that all consume is asked.
async function consumersOf(model: Model, queue: string): Promise<number> {
  const channel = await openQuietChannel(model)
  const { consumerCount } = await call<{ consumerCount: number }>((done) => channel.checkQueue(queue, done))
  await closeChannel(channel)

  return consumerCount
}
