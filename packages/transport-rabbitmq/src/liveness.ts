import type { Runtime } from '@waybill/core'
import type { Attachment } from './attachment.js'
import type { Connection } from './connection.js'
import { openQuietChannel } from './declarations.js'
import { call, type Channel, closeChannel } from './driver.js'

/** So often it is looked whether messages wait where nothing comes from. */
const periodMs = 10_000
/** In so many looks in a row, at first. */
const [fewestLooks, mostLooks] = [2, 64]

interface Doubt {
  looks: number
  needed: number
}

export interface LivenessOptions {
  readonly runtime: Runtime
  readonly connection: Connection
  readonly attachments: readonly Attachment[]
}

/**
 * Finds a consumer that the broker forgot while its channel stands: messages wait, it has none in hand and gets none. It is attached anew,
 * and where that changes nothing, at ever longer distances.
 */
export class Liveness {
  readonly #options: LivenessOptions
  readonly #doubts = new Map<Attachment, Doubt>()
  #cancel: (() => void) | undefined
  #isStopped = false

  constructor(options: LivenessOptions) {
    this.#options = options
  }

  start(): void {
    if (this.#isStopped) return
    this.#cancel = this.#options.runtime.after(periodMs, () => {
      // A look that fails is a connection or a queue that is gone, which is told by the attachments themselves.
      const again = (): void => this.start()
      this.#look().then(again, again)
    })
  }

  stop(): void {
    this.#isStopped = true
    this.#cancel?.()
  }

  async #look(): Promise<void> {
    const { attachments, connection } = this.#options
    const idle = attachments.filter((attachment) => {
      if (attachment.hasReceivedSince()) this.#doubts.delete(attachment)

      return attachment.isIdle
    })
    if (idle.length === 0 || !connection.model) return
    const channel = await openQuietChannel(connection.model)
    for (const attachment of idle) await this.#weigh(attachment, channel)
    await closeChannel(channel)
  }

  async #weigh(attachment: Attachment, channel: Channel): Promise<void> {
    const { consumerCount, messageCount } = await call<{ consumerCount: number; messageCount: number }>((done) => channel.checkQueue(attachment.queue, done))
    const doubt = this.#doubts.get(attachment) ?? { looks: 0, needed: fewestLooks }
    this.#doubts.set(attachment, doubt)
    // What came while it was asked, it got. Who stands by for an ordered queue gets nothing while another takes from it.
    const isServed = messageCount === 0 || !attachment.isIdle || (!attachment.isActive && consumerCount > 0)
    doubt.looks = isServed ? 0 : doubt.looks + 1
    if (doubt.looks < doubt.needed) return
    doubt.looks = 0
    doubt.needed = Math.min(mostLooks, 2 * doubt.needed)
    attachment.renew(`${messageCount} of its messages wait, and none has come for ${((doubt.needed / 2) * periodMs) / 1_000} s`)
  }
}
