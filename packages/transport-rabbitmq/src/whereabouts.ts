import type { TransportHost } from '@waybill/core'
import { openQuietChannel } from './declarations.js'
import { type Channel, call, closeChannel, type Model } from './driver.js'
import { movingNames } from './moving-names.js'
import { replyCodeOf } from './refusal.js'

/** How often it is looked whether a queue has been moved. */
const periodMs = 100

/** Where the messages of a queue in a move are to be taken now. */
export type Whereabouts = 'home' | 'waiting' | 'nowhere'

/**
 * Resolves when messages are to be taken again: `home` from the queue, `waiting` from the one beside it, and from that not again by who was sent away from it. Rejects where the connection is lost.
 * It is asked by a consumer that met a signpost, and by nobody else.
 */
export async function awaitWhereabouts(
  host: TransportHost,
  model: Model,
  query: { readonly queue: string; readonly hasTaken: boolean; readonly isOver: () => boolean },
): Promise<'home' | 'waiting'> {
  for (;;) {
    const found = await whereaboutsOf(model, query.queue)
    if (found === 'home' || query.isOver()) return 'home'
    if (found === 'waiting' && !query.hasTaken) return 'waiting'
    await new Promise<void>((resolve) => void host.runtime.after(periodMs, resolve))
  }
}

export async function whereaboutsOf(model: Model, queue: string): Promise<Whereabouts> {
  const { entry, open } = movingNames(queue)
  if (!(await isThere(model, entry))) return 'home'

  return (await isThere(model, open)) ? 'waiting' : 'nowhere'
}

async function isThere(model: Model, exchange: string): Promise<boolean> {
  const channel = await openQuietChannel(model)
  try {
    await call((done: Parameters<Channel['checkExchange']>[1]) => channel.checkExchange(exchange, done))
  } catch (error) {
    if (replyCodeOf(error) === 404) return false
    throw error
  }
  await closeChannel(channel)

  return true
}
