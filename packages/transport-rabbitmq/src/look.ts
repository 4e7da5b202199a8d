import type { Logger, Runtime } from '@waybill/core'
import { openQuietChannel } from './declarations.js'
import { type Channel, call, closeChannel, type Model } from './driver.js'
import { replyCodeOf } from './refusal.js'

/** Who looks for longer has in hand what it was shown; then the others look at the rest. */
const patienceMs = 10_000
/** Between two rounds of a redrive is more time than that. */
const [firstPauseMs, longestPauseMs] = [20, 100]
const lockedElsewhere = 405

export interface Place {
  readonly model: Model
  readonly queue: string
  readonly runtime: Runtime
  readonly log: Logger
}

/**
 * Looks at a queue while no other process does: two that get its messages at the same time would see a part each. An exclusive consumer
 * would not keep the others away: a quorum queue takes the word and gives its messages to everybody all the same.
 */
export async function lookAlone<T>(place: Place, look: () => Promise<T>): Promise<T> {
  const { queue } = place
  const sign = `${queue}.look`
  const channel = await signed(place, sign)
  try {
    return await look()
  } finally {
    if (channel) await takeDown(channel, sign)
  }
}

/** The sign is a queue that one connection alone can have. Undefined: there is none, as it took too long or the right to make it is missing. */
async function signed({ log, model, queue, runtime }: Place, sign: string): Promise<Channel | undefined> {
  const end = runtime.elapsed() + patienceMs
  for (let pauseMs = firstPauseMs; ; pauseMs = Math.min(longestPauseMs, 2 * pauseMs)) {
    const channel = await openQuietChannel(model)
    try {
      await call((done) => channel.assertQueue(sign, { exclusive: true, durable: false }, done))

      return channel
    } catch (error) {
      if (replyCodeOf(error) === undefined) throw error
      if (replyCodeOf(error) !== lockedElsewhere) return undefined
      if (runtime.elapsed() >= end) {
        log.warn(`Another process has had dead letters of queue "${queue}" in hand for ${patienceMs / 1_000} s. Now only the rest is seen; look again when it has ended.`)

        return undefined
      }
    }
    await new Promise<void>((resolve) => void runtime.after(pauseMs, resolve))
  }
}

async function takeDown(channel: Channel, sign: string): Promise<void> {
  try {
    await call((done) => channel.deleteQueue(sign, {}, done))
    await closeChannel(channel)
  } catch {
    // It goes with its connection, which is lost.
  }
}
